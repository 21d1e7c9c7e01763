using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace TailorKV.Benchmarks.Kernels;

/// <summary>10^9 multiply-adds per second: those that the result needs, over the mean time.</summary>
public sealed class MultiplyAddColumn : IColumn
{
    public string Id => nameof(MultiplyAddColumn);

    public string ColumnName => "GMAC/s";

    public string Legend => "10^9 multiply-adds in a second";

    public bool AlwaysShow => true;

    public ColumnCategory Category => ColumnCategory.Custom;

    public int PriorityInCategory => 0;

    public bool IsNumeric => true;

    public UnitType UnitType => UnitType.Dimensionless;

    public bool IsAvailable(Summary summary) => true;

    public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase)
    {
        if (summary[benchmarkCase]?.ResultStatistics is not { } statistics)
            return "-";
        double multiplyAdds = benchmarkCase.Descriptor.Type == typeof(PromptAttention)
            ? PromptAttention.MultiplyAdds((int)benchmarkCase.Parameters[nameof(PromptAttention.First)])
            : PanelProducts.MultiplyAdds((int)benchmarkCase.Parameters[nameof(PanelProducts.Count)]);
        return $"{multiplyAdds / statistics.Mean:0.0}";
    }

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) => GetValue(summary, benchmarkCase);
}
