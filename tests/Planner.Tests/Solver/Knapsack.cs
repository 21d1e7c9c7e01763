using System.Globalization;
using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Solver;

namespace TailorKV.Planner.Tests.Solver;

/// <summary>A multiple-choice knapsack as the planner poses it: one option a layer, least loss, device and host bytes limited.</summary>
internal sealed record Knapsack(long[][] Loss, long[][] Device, long[][] Host, long DeviceLimit, long HostLimit)
{
    public IntegerProgram Program()
    {
        var program = new IntegerProgram();
        var variables = Loss.Select((layer, l) => layer.Select((loss, o) => program.AddBinary(loss, $"x{l},{o}")).ToArray()).ToArray();
        for (int l = 0; l < Loss.Length; l++)
            program.AddConstraint($"layer {l}", variables[l].Select(v => new Term(v, 1)), ConstraintSense.Equal, 1);
        program.AddConstraint("device", Row(Device), ConstraintSense.AtMost, DeviceLimit);
        program.AddConstraint("host", Row(Host), ConstraintSense.AtMost, HostLimit);
        return program;

        IEnumerable<Term> Row(long[][] bytes) => variables.SelectMany((layer, l) => layer.Select((v, o) => new Term(v, bytes[l][o])));
    }

    public long[] DeviceBytes() => [.. Device.SelectMany(l => l)];

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"loss {string.Join('|', Loss.Select(l => string.Join(' ', l)))} device {string.Join('|', Device.Select(l => string.Join(' ', l)))} <= {DeviceLimit} host {string.Join('|', Host.Select(l => string.Join(' ', l)))} <= {HostLimit}");

    /// <summary>
    /// Up to five layers of up to three options, of bytes up to <paramref name="largest"/>. Often the device limit is what some choice takes to the byte, or one byte less.
    /// </summary>
    public static Arbitrary<Knapsack> Arbitrary(long largest) => Arb.From(
        from seed in Gen.Choose(0, int.MaxValue - 1)
        select Random(new System.Random(seed), largest));

    public static Knapsack Random(System.Random random, long largest, int maxLayers = 5, int maxOptions = 3)
    {
        int layers = random.Next(1, maxLayers + 1);
        int[] options = [.. Enumerable.Range(0, layers).Select(_ => random.Next(1, maxOptions + 1))];
        // Few losses make ties, which the oracle must agree with too.
        long losses = (long)Math.Pow(10, random.Next(1, 13));
        var loss = options.Select(n => Enumerable.Range(0, n).Select(_ => random.NextInt64(losses)).ToArray()).ToArray();
        var device = options.Select(n => Enumerable.Range(0, n).Select(_ => random.NextInt64(largest + 1)).ToArray()).ToArray();
        var host = options.Select(n => Enumerable.Range(0, n).Select(_ => random.Next(2) * random.NextInt64(largest + 1)).ToArray()).ToArray();
        long chosen = device.Sum(layer => layer[random.Next(layer.Length)]);
        return new Knapsack(loss, device, host, Math.Max(0, chosen - random.Next(2)), random.NextInt64((largest * layers / 2) + 1));
    }
}
