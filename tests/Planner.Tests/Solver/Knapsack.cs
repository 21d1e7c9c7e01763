using System.Globalization;
using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Solver;

namespace TailorKV.Planner.Tests.Solver;

/// <summary>A multiple-choice knapsack as the planner poses it: one option a layer, least loss, device and host bytes limited.</summary>
/// <param name="Layers">The options of each layer.</param>
/// <param name="DeviceLimit">The most device bytes.</param>
/// <param name="HostLimit">The most host bytes.</param>
public sealed record Knapsack(Knapsack.Option[][] Layers, long DeviceLimit, long HostLimit)
{
    /// <summary>
    /// Up to so many layers of up to so many options, of bytes up to one of the largest. Often the device limit is what some choice takes to the byte, or one byte less. Losses of few digits make ties,
    /// which an oracle must agree with too.
    /// </summary>
    internal static Gen<Knapsack> Any(int mostLayers, int mostOptions, params long[] largest) =>
        from bytes in Gen.Elements(largest)
        from digits in Gen.Choose(1, 12)
        from count in Gen.Choose(1, mostLayers)
        from counts in Gen.Choose(1, mostOptions).ArrayOf(count)
        from layers in Gen.CollectToArray(counts, options => OneOption((long)Math.Pow(10, digits) - 1, bytes).ArrayOf(options))
        from chosen in Gen.CollectToArray(layers, layer => Gen.Elements(layer))
        from less in Gen.Choose(0, 1)
        from host in FsCheck.FSharp.Gen.Choose64(0, bytes * count / 2)
        select new Knapsack(layers, Math.Max(0, chosen.Sum(option => option.Device) - less), host);

    internal static IEnumerable<Knapsack> Shrink(Knapsack knapsack) => SimplerLists.Smaller(knapsack.Layers, Shrink).Select(layers => knapsack with { Layers = layers });

    internal IntegerProgram Program()
    {
        var program = new IntegerProgram();
        var variables = Layers.Select((layer, l) => layer.Select((option, o) => program.AddBinary(option.Loss, $"x{l},{o}")).ToArray()).ToArray();
        for (int l = 0; l < Layers.Length; l++)
            program.AddConstraint($"layer {l}", variables[l].Select(v => new Term(v, 1)), ConstraintSense.Equal, 1);
        program.AddConstraint("device", Row(option => option.Device), ConstraintSense.AtMost, DeviceLimit);
        program.AddConstraint("host", Row(option => option.Host), ConstraintSense.AtMost, HostLimit);
        return program;

        IEnumerable<Term> Row(Func<Option, long> bytes) => variables.SelectMany((layer, l) => layer.Select((v, o) => new Term(v, bytes(Layers[l][o]))));
    }

    internal long[] DeviceBytes() => [.. Layers.SelectMany(layer => layer.Select(option => option.Device))];

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{string.Join(" / ", Layers.Select(layer => string.Join(" | ", layer.Select(option => $"loss {option.Loss}, device {option.Device}, host {option.Host}"))))}; device <= {DeviceLimit}, host <= {HostLimit}");

    private static Gen<Option> OneOption(long mostLoss, long mostBytes) =>
        from loss in FsCheck.FSharp.Gen.Choose64(0, mostLoss)
        from device in FsCheck.FSharp.Gen.Choose64(0, mostBytes)
        from host in Gen.OneOf(Gen.Constant(0L), FsCheck.FSharp.Gen.Choose64(0, mostBytes))
        select new Option(loss, device, host);

    private static IEnumerable<Option> Shrink(Option option) => SimplerLists.Smaller(option.Loss).Select(loss => option with { Loss = loss })
        .Concat(SimplerLists.Smaller(option.Device).Select(bytes => option with { Device = bytes }))
        .Concat(SimplerLists.Smaller(option.Host).Select(bytes => option with { Host = bytes }));

    /// <summary>One way to keep a layer.</summary>
    public readonly record struct Option(long Loss, long Device, long Host);
}
