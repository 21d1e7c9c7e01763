using System.Text.Json;
using System.Text.Json.Serialization;

namespace TailorKV.Planner.Machines;

/// <summary>What a machine can hold and how fast it is: the coefficients of <see cref="LatencyModel"/>. Format: docs/hardware.md.</summary>
public sealed record Machine
{
    /// <summary>The version of the format that this code reads and writes.</summary>
    public const int CurrentVersion = 1;

    private const string ResourcePrefix = "TailorKV.Planner.Machines.";
    private const string ResourceEnding = ".json";

    /// <summary>The format's version.</summary>
    public int Version { get; init; } = CurrentVersion;

    /// <summary>What it is called.</summary>
    public required string Name { get; init; }

    /// <summary>Where the numbers come from: what is of a data sheet, what is assumed, what was measured and when.</summary>
    public required string Source { get; init; }

    /// <summary>Bytes of device memory.</summary>
    public required long DeviceBytes { get; init; }

    /// <summary>Bytes of host memory; null where it is not known.</summary>
    public long? HostBytes { get; init; }

    /// <summary>Bytes per second that are read from device memory.</summary>
    public required double DeviceBytesPerSecond { get; init; }

    /// <summary>Bytes per second that cross the host link.</summary>
    public required double LinkBytesPerSecond { get; init; }

    /// <summary>Seconds that a transfer over the host link takes whatever its size.</summary>
    public required double LinkSeconds { get; init; }

    /// <summary>Whether transfers run while kernels do, so that a layer's prefetch hides behind the layer before it.</summary>
    [JsonRequired]
    public bool OverlapsTransfers { get; init; } = true;

    /// <summary>The cost of each part of a layer.</summary>
    public required KernelRates Kernels { get; init; }

    /// <summary>Names of the machines that come with this library, in alphabetical order.</summary>
    public static IReadOnlyList<string> Shipped { get; } =
    [
        .. typeof(Machine).Assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith(ResourcePrefix, StringComparison.Ordinal) && name.EndsWith(ResourceEnding, StringComparison.Ordinal))
            .Select(name => name[ResourcePrefix.Length..^ResourceEnding.Length])
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>Reads a machine that comes with this library, or one from a file.</summary>
    /// <param name="nameOrPath">One of <see cref="Shipped"/>, or a file's path.</param>
    /// <exception cref="TailorKVException">It is neither; the message lists the names.</exception>
    /// <exception cref="InvalidFileException">The file is not a machine, or its numbers are out of range.</exception>
    public static Machine Load(string nameOrPath)
    {
        ArgumentNullException.ThrowIfNull(nameOrPath);
        if (Shipped.Contains(nameOrPath, StringComparer.OrdinalIgnoreCase))
        {
            using Stream stream = typeof(Machine).Assembly.GetManifestResourceStream(ResourcePrefix + nameOrPath.ToLowerInvariant() + ResourceEnding)!;
            return JsonSerializer.Deserialize(stream, MachineJsonContext.Strict.Machine)!;
        }

        if (!File.Exists(nameOrPath))
        {
            throw new TailorKVException(
                $"there is no machine '{nameOrPath}', neither one that comes with the tool nor a file",
                $"Give one of {string.Join(", ", Shipped)}, or a file that 'tailorkv hardware measure' wrote");
        }

        Machine machine = JsonFile.Read(nameOrPath, MachineJsonContext.Strict.Machine, "machine");
        return machine.Problem() is { } problem ? throw new InvalidFileException(nameOrPath, problem, "Measure the machine again with 'tailorkv hardware measure'") : machine;
    }

    /// <summary>The machine as JSON, ended by a line feed; <see cref="Load"/> reads it.</summary>
    /// <exception cref="TailorKVException">It would be refused when read.</exception>
    public string ToJson() => JsonFile.Write(this, MachineJsonContext.Strict.Machine, Problem());

    /// <summary>What is out of range, or null.</summary>
    public string? Problem() =>
        Version != CurrentVersion ? $"version {Version} is not {CurrentVersion}, the one this release reads"
        : Name.Length == 0 ? "name is empty"
        : DeviceBytes < 1 ? $"deviceBytes is {DeviceBytes}, not positive"
        : HostBytes < 1 ? $"hostBytes is {HostBytes}, not positive"
        : RateProblem("deviceBytesPerSecond", DeviceBytesPerSecond) ?? RateProblem("linkBytesPerSecond", LinkBytesPerSecond)
            ?? SecondsProblem("linkSeconds", LinkSeconds)
            ?? (Kernels.Problem() is { } kernels ? $"kernels.{kernels}" : null);

    internal static string? RateProblem(string name, double rate) =>
        rate is >= 1 and <= 1e18 ? null : $"{name} is {rate}, outside 1 to 1e18";

    internal static string? SecondsProblem(string name, double seconds) => seconds is >= 0 and <= 1e6 ? null : $"{name} is {seconds}, outside 0 to 1e6";
}
