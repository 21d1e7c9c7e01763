using TailorKV.Torch.Numbers;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Model;

/// <summary>Exact causal attention of a chunk of a prompt over everything before it, by libtorch's fused attention; under a soft cap, which that does not know, some queries at a time.</summary>
internal static class PromptAttention
{
    // Scores that exist at once under a soft cap.
    private const long Scores = 1 << 24;

    /// <summary>Attends with every query of a chunk.</summary>
    /// <param name="queries">[kvHeads, group, count, headDim], scaled.</param>
    /// <param name="keys">[kvHeads, tokens, headDim], after RoPE; the chunk's own are the last.</param>
    /// <param name="values">The same shape.</param>
    /// <param name="before">Tokens before the chunk.</param>
    /// <param name="window">The newest tokens that a query sees, its own among them; null for all.</param>
    /// <param name="softCap">Where a score s becomes cap * tanh(s / cap), the cap; else null.</param>
    /// <returns>[kvHeads, group, count, headDim].</returns>
    public static Tensor Run(Tensor queries, Tensor keys, Tensor values, int before, int? window, float? softCap)
    {
        long count = queries.shape[2], tokens = keys.shape[1], headDim = queries.shape[3];
        Tensor sharedKeys = Shared(keys), sharedValues = Shared(values);
        if (softCap is not { } cap)
        {
            // Its own scale is 1 / sqrt(headDim), and queries are scaled already.
            bool causal = before == 0 && (window is null || window >= tokens);
            return nn.functional.scaled_dot_product_attention(
                queries * Held.Of(MathF.Sqrt(headDim)), sharedKeys, sharedValues, causal ? null : Seen(before, count, tokens, window, queries.device), 0, causal);
        }

        long some = Math.Max(1, Scores / (queries.shape[0] * queries.shape[1] * tokens));
        var parts = new List<Tensor>();
        for (long first = 0; first < count; first += some)
        {
            long rows = Math.Min(some, count - first);
            Tensor scores = SoftCap.Of(queries.narrow(2, first, rows).matmul(sharedKeys.transpose(-1, -2)), cap);
            scores.masked_fill_(Seen(before + first, rows, tokens, window, queries.device).logical_not(), Held.Of(float.NegativeInfinity));
            parts.Add(scores.softmax(-1).matmul(sharedValues));
        }

        return cat(parts, 2);

        Tensor Shared(Tensor rows) => rows.unsqueeze(1).expand(queries.shape[0], queries.shape[1], tokens, headDim);
    }

    private static Tensor Seen(long before, long count, long tokens, int? window, Device device)
    {
        Tensor queries = arange(Held.Of(before), Held.Of(before + count), Held.Of(1), ScalarType.Int64, device).unsqueeze(1), keys = Arithmetic.Counted(tokens, ScalarType.Int64, device).unsqueeze(0);
        Tensor seen = keys.le(queries);
        return window is { } newest ? seen.logical_and(keys.gt(queries - Held.Of(newest))) : seen;
    }
}
