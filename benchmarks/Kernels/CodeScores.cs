using System.Numerics.Tensors;
using BenchmarkDotNet.Attributes;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Codes;

namespace TailorKV.Benchmarks.Kernels;

/// <summary>Scores of queries with coded keys. The baseline decodes each row, and then multiplies it in vectors.</summary>
[Config(typeof(KernelConfig))]
public class CodeScores : CodeKernels
{
    private IKeyCodes _keys = null!;

    public static IEnumerable<CodeFormatCase> Formats { get; } =
    [
        .. new[] { 1, 2, 3, 4, 8 }.Select(bits => new CodeFormatCase(new PerChannelFormat { Bits = bits, Group = 32 })),
        .. new[] { 1, 2, 3, 4, 8 }.Select(bits => new CodeFormatCase(new PerTokenFormat { Bits = bits, Group = 64 })),
        .. new[] { 4, 8 }.Select(bits => new CodeFormatCase(new PerBlockFormat { Bits = bits })),
        .. new[] { 1, 2, 3, 4 }.Select(bits => new CodeFormatCase(new RotatedNormalFormat { Bits = bits })),
        // Of 1, 2 and 3 bits in the mean.
        .. new int[][] { [3, 1, 0, 0], [4, 2, 1, 1], [5, 4, 2, 1] }.Select(bits => new CodeFormatCase(new TieredNormalFormat { Tiers = bits })),
    ];

    [ParamsSource(nameof(Formats))]
    public CodeFormatCase Format { get; set; } = null!;

    [GlobalSetup]
    public void Encode()
    {
        _keys = CodeFactory.Keys(Format.Format, Tokens, HeadDim, Prepare(Format.Format), Lanes, KeyCalibration.Of(Sizes(4), Sizes(5)));
        foreach ((int firstToken, float[] rows) in Blocks(Format.Format))
            _keys.Encode(firstToken, rows);
    }

    // Of channels in no order, as real ones are.
    private float[] Sizes(int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, HeadDim).Select(_ => 0.5f + random.NextSingle())];
    }

    [Benchmark(Baseline = true, Description = "decode, then multiply")]
    public void Decoded()
    {
        for (int token = 0; token < Tokens; token++)
        {
            _keys.Decode(token, Row);
            for (int head = 0; head < QueryHeads; head++)
                Scores[(head * Tokens) + token] = TensorPrimitives.Dot(Queries.AsSpan(head * HeadDim, HeadDim), Row);
        }
    }

    [Benchmark(Description = "scores")]
    public void Kernel()
    {
        _keys.Prepare(Queries);
        _keys.Scores(0, Tokens, Scores, Tokens);
    }
}
