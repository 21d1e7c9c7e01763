using System.Numerics.Tensors;
using BenchmarkDotNet.Attributes;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Codes;

namespace TailorKV.Benchmarks.Kernels;

/// <summary>Weighted sums of coded values. The baseline decodes each row, and then multiplies it in vectors.</summary>
[Config(typeof(KernelConfig))]
public class CodeSums : CodeKernels
{
    private readonly float[] _largest = [.. Enumerable.Repeat(1f, QueryHeads)];
    private IValueCodes _values = null!;

    public static IEnumerable<CodeFormatCase> Formats { get; } =
    [
        .. new[] { 1, 2, 3, 4, 8 }.Select(bits => new CodeFormatCase(new PerTokenFormat { Bits = bits, Group = 64 })),
        .. new[] { 4, 8 }.Select(bits => new CodeFormatCase(new PerBlockFormat { Bits = bits })),
        .. new[] { 1, 2, 3, 4 }.Select(bits => new CodeFormatCase(new RotatedNormalFormat { Bits = bits })),
        // Of 1, 1.5 and, twice, 2 bits in the mean.
        .. new int[][] { [2, 0], [2, 1], [3, 1], [3, 2, 2, 1] }.Select(bits => new CodeFormatCase(new PrincipalNormalFormat { Tiers = bits })),
    ];

    [ParamsSource(nameof(Formats))]
    public CodeFormatCase Format { get; set; } = null!;

    [GlobalSetup]
    public void Encode()
    {
        // Directions do not matter to speed: those of unit moments.
        double[] unit = [.. Enumerable.Range(0, HeadDim * HeadDim).Select(i => i % (HeadDim + 1) == 0 ? 1.0 : 0)];
        KeyCalibration calibration = KeyCalibration.Of(new float[HeadDim], new float[HeadDim]).WithValues([unit]);
        _values = CodeFactory.Values(Format.Format, Tokens, HeadDim, Prepare(Format.Format), Lanes, calibration);
        foreach ((int firstToken, float[] rows) in Blocks(Format.Format))
            _values.Encode(firstToken, rows);
    }

    [Benchmark(Baseline = true, Description = "decode, then multiply")]
    public void Decoded()
    {
        for (int token = 0; token < Tokens; token++)
        {
            _values.Decode(token, Row);
            for (int head = 0; head < QueryHeads; head++)
            {
                Span<float> output = Queries.AsSpan(head * HeadDim, HeadDim);
                TensorPrimitives.MultiplyAdd(Row, Scores[(head * Tokens) + token], output, output);
            }
        }
    }

    [Benchmark(Description = "weighted sums")]
    public void Kernel() => _values.AddWeighted(Scores, _largest, Tokens, 0, Tokens, Queries);
}
