using System.Globalization;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace TailorKV.Benchmarks.Kernels;

/// <summary>A figure of a step's work and of its time, the median of the iterations.</summary>
/// <param name="name">The column's name.</param>
/// <param name="legend">What it says.</param>
/// <param name="value">The figure, of the work and of the seconds of a step.</param>
internal sealed class KernelColumn(string name, string legend, Func<KernelWork, double, FormattableString> value) : IColumn
{
    public static readonly KernelColumn Microseconds = new("us/step", "Microseconds of a step: the median of the iterations", (_, seconds) => $"{seconds * 1e6:0.0}");

    public static readonly KernelColumn Bandwidth = new("GB/s", "10^9 bytes of rows, codes and scales read in a second", (work, seconds) => $"{work.Bytes / seconds * 1e-9:0.0}");

    public static readonly KernelColumn BandwidthCeiling = new(
        "copy GB/s", "What the same threads read and write, copying one half of a buffer of about the step's size to the other: in the processor's caches where it fits, else in memory",
        (work, _) => $"{work.MostBytesPerSecond * 1e-9:0.0}");

    public static readonly KernelColumn BandwidthShare = new("of copy", "Share of that", (work, seconds) => $"{work.CopyShare(seconds):0%}");

    public static readonly KernelColumn MultiplyAdds = new("GMAC/s", "10^9 multiply-adds in a second: those that the result needs, its exponentials among them", (work, seconds) => $"{work.MultiplyAdds / seconds * 1e-9:0.0}");

    public static readonly KernelColumn ArithmeticCeiling = new(
        "peak GMAC/s", "F32 multiply-adds that the same threads do in registers", (work, _) => $"{work.MostMultiplyAddsPerSecond * 1e-9:0.0}");

    public static readonly KernelColumn ArithmeticShare = new(
        "of peak", "Share of that", (work, seconds) => $"{work.MultiplyShare(seconds):0%}");

    public static readonly KernelColumn BindingShare = new(
        "of what binds", "The larger of both shares", (work, seconds) => $"{Math.Max(work.CopyShare(seconds), work.MultiplyShare(seconds)):0%}");

    public string Id => $"{nameof(KernelColumn)}.{name}";

    public string ColumnName => name;

    public string Legend => legend;

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
        KernelWork work = KernelWork.Of(benchmarkCase);
        return value(work, statistics.Median * 1e-9 / work.Steps).ToString(CultureInfo.InvariantCulture);
    }

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) => GetValue(summary, benchmarkCase);
}
