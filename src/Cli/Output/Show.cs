using TailorKV.Planner;

namespace TailorKV.Cli.Output;

/// <summary>Numbers as tables show them.</summary>
internal static class Show
{
    /// <summary>Below this, losses in nats per token are rounding.</summary>
    public const double LeastLoss = 1e-7;

    /// <summary>A loss in nats per token.</summary>
    public static string Loss(double? loss) => loss switch
    {
        null => "-",
        < LeastLoss => "0",
        < 1e-4 => $"{loss:0.0e+0}",
        < 1 => $"{loss:0.0000}",
        _ => $"{loss:0.00}",
    };

    /// <summary>A loss in nats per token, with its standard error where that is known.</summary>
    public static string Loss(double? loss, double? error) => error is null || loss is null or < LeastLoss ? Loss(loss) : $"{Loss(loss)} ± {Loss(error)}";

    /// <summary>Bytes exactly and in a unit.</summary>
    public static string Bytes(long bytes) => $"{bytes} ({ByteSize.Format(bytes)})";

    /// <summary>A time in seconds, minutes or hours.</summary>
    public static string Duration(double seconds) => seconds switch
    {
        < 100 => $"{seconds:0.0} s",
        < 6000 => $"{seconds / 60:0} min",
        _ => $"{seconds / 3600:0.0} h",
    };

    /// <summary>So many threads.</summary>
    public static string Threads(int count) => count == 1 ? "1 thread" : $"{count} threads";

    /// <summary>How many layers each mode keeps: 1 full, 5 quantized.</summary>
    public static string Modes(IReadOnlyDictionary<string, int> layersByMode) => string.Join(", ", layersByMode.Select(mode => $"{mode.Value} {mode.Key}"));
}
