using TailorKV.Planner.Models;

namespace TailorKV.Profiler.Machines;

/// <summary>At what sizes to measure a machine. The defaults are those of a common model and take a minute or two and 1 GiB.</summary>
public sealed record MachineRequest
{
    /// <summary>The longest context that is timed unless said otherwise.</summary>
    public const int DefaultContext = 12288;

    /// <summary>What the machine is called.</summary>
    public required string Name { get; init; }

    /// <summary>The attention shape of the layers that are timed.</summary>
    public LayerShape Layer { get; init; } = new(32, 8, 128, null);

    /// <summary>Tokens of context that they hold, at least two counts, ascending.</summary>
    public IReadOnlyList<int> Contexts { get; init; } = ContextsUpTo(DefaultContext);

    /// <summary>Hidden sizes of the weights that are timed, whole multiples of 256, at least two, ascending.</summary>
    public IReadOnlyList<int> HiddenSizes { get; init; } = [512, 2048];

    /// <summary>Bytes that the bandwidths are measured on: more than the processor's caches hold.</summary>
    public long StreamBytes { get; init; } = 512L << 20;

    /// <summary>Repetitions of which the median counts.</summary>
    public int Repetitions { get; init; } = 25;

    /// <summary>Seconds that each kernel runs before it is timed, so that the just-in-time compiler is done with it.</summary>
    public double WarmUpSeconds { get; init; } = 0.5;

    /// <summary>Three contexts, a twelfth, a third and all of the longest.</summary>
    /// <param name="longest">Tokens.</param>
    public static IReadOnlyList<int> ContextsUpTo(int longest) => [Math.Max(1, longest / 12), Math.Max(1, longest / 3), longest];
}
