using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace TailorKV.Benchmarks.Kernels;

/// <summary>GB per second (10^9 bytes) of what a kernel reads of its rows: the format's bytes over the mean time.</summary>
public sealed class BandwidthColumn : IColumn
{
    public string Id => nameof(BandwidthColumn);

    public string ColumnName => "GB/s";

    public string Legend => "10^9 bytes of codes and scales read in a second";

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
        var format = (CodeFormatCase)benchmarkCase.Parameters["Format"];
        return $"{format.Format.Bytes(CodeKernels.Tokens, (int)benchmarkCase.Parameters[nameof(CodeKernels.HeadDim)]) / statistics.Mean:0.0}";
    }

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) => GetValue(summary, benchmarkCase);
}
