using System.Globalization;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Mathematics;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace TailorKV.Benchmarks.Kernels;

/// <summary>A figure of each iteration, of which the median is shown.</summary>
/// <param name="name">The column's name.</param>
/// <param name="legend">What it says.</param>
/// <param name="format">How it is written.</param>
/// <param name="figure">The figure of an iteration.</param>
internal sealed class KernelColumn(string name, string legend, string format, Func<KernelIteration, double> figure) : IColumn
{
    private const string Tenths = "0.0";
    private const string Percents = "0%";

    public static readonly KernelColumn Microseconds = new("us/step", "Microseconds of a step: as all figures, the median of the iterations", Tenths, iteration => iteration.Seconds * 1e6);

    public static readonly KernelColumn Bandwidth = new(
        "GB/s", "10^9 bytes of rows, codes and scales read in a second", Tenths, iteration => iteration.Work.Bytes / iteration.Seconds * 1e-9);

    public static readonly KernelColumn BandwidthCeiling = new(
        "copy GB/s",
        "What the same threads read and write right before an iteration, copying one half of a buffer of the step's size to the other: in the processor's caches where it fits, else in memory",
        Tenths, iteration => iteration.Ceilings.CopiedBytesPerSecond * 1e-9);

    public static readonly KernelColumn BandwidthShare = new("of copy", "Share of that", Percents, iteration => iteration.CopyShare);

    public static readonly KernelColumn MultiplyAdds = new(
        "GMAC/s", "10^9 multiply-adds in a second: those that the result needs, its exponentials among them", Tenths, iteration => iteration.Work.MultiplyAdds / iteration.Seconds * 1e-9);

    public static readonly KernelColumn ArithmeticCeiling = new(
        "peak GMAC/s", "F32 multiply-adds that the same threads do in registers right before an iteration", Tenths, iteration => iteration.Ceilings.MultiplyAddsPerSecond * 1e-9);

    public static readonly KernelColumn ArithmeticShare = new("of peak", "Share of that", Percents, iteration => iteration.MultiplyShare);

    public static readonly KernelColumn BindingShare = new(
        "of what binds", "The larger of both shares", Percents, iteration => Math.Max(iteration.CopyShare, iteration.MultiplyShare));

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
        double[] figures = summary[benchmarkCase] is { } report ? [.. KernelIteration.Of(report).Select(figure)] : [];
        return figures.Length == 0 ? "-" : new Statistics(figures).Median.ToString(format, CultureInfo.InvariantCulture);
    }

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) => GetValue(summary, benchmarkCase);
}
