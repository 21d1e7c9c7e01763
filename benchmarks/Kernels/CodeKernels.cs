using BenchmarkDotNet.Attributes;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Benchmarks.Kernels;

/// <summary>The codes of one KV head, which the three query heads that share one in SmolLM2 are multiplied with on one thread.</summary>
public abstract class CodeKernels : IDisposable
{
    /// <summary>Tokens coded.</summary>
    public const int Tokens = 8192;

    private protected const int QueryHeads = 3;

    private Arena? _arena;

    /// <summary>Elements read at once; what the machine does not have is left out.</summary>
    public static IEnumerable<int> Widths { get; } = [.. new[] { 8, 16 }.Where(lanes => lanes <= VectorWidth.Widest)];

    [Params(64, 128)]
    public int HeadDim { get; set; }

    [ParamsSource(nameof(Widths))]
    public int Lanes { get; set; }

    /// <summary>[heads, tokens].</summary>
    private protected float[] Scores { get; } = Numbers(new Random(2), QueryHeads * Tokens);

    /// <summary>[heads, headDim].</summary>
    private protected float[] Queries { get; private set; } = [];

    private protected float[] Row { get; private set; } = [];

    [GlobalCleanup]
    public void Dispose()
    {
        _arena?.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>What all scores, or all sums, ask of the machine.</summary>
    internal static KernelWork Work(CodeFormat format, int headDim) => new(format.Bytes(Tokens, headDim), (double)QueryHeads * Tokens * headDim, 1);

    /// <summary>Takes memory for the codes, and random numbers to meet them.</summary>
    private protected Arena Prepare(CodeFormat format)
    {
        Queries = Numbers(new Random(1), QueryHeads * HeadDim);
        Row = new float[HeadDim];
        return _arena = new Arena("codes", format.Bytes(Tokens, HeadDim));
    }

    /// <summary>Rows to code, a block at a time.</summary>
    private protected IEnumerable<(int FirstToken, float[] Rows)> Blocks(CodeFormat format)
    {
        var random = new Random(3);
        for (int token = 0; token < Tokens; token += format.BlockTokens)
            yield return (token, Numbers(random, format.BlockTokens * HeadDim));
    }

    private static float[] Numbers(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() - 0.5f)];
}
