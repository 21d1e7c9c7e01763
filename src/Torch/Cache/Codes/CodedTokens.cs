using TailorKV.Torch.Numbers;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Codes;

/// <summary>Keys and values of the same tokens in codes, which are scored and summed some tokens at a time: decoded, they would take many times their bytes.</summary>
/// <param name="keys">The keys.</param>
/// <param name="values">The values.</param>
internal sealed class CodedTokens(TorchCodes keys, TorchCodes values)
{
    // A whole number of every format's blocks.
    private const int Some = 1 << 14;

    /// <summary>Gets ready for a prompt, before the first of its tokens is coded.</summary>
    /// <param name="newValues">Its values, [kvHeads, tokens, headDim], f32.</param>
    public void Begin(Tensor newValues) => values.Begin(newValues);

    /// <inheritdoc cref="TorchCodes.Encode"/>
    /// <param name="first">The first token, counted from the first coded one.</param>
    /// <param name="newKeys">[kvHeads, tokens, headDim], f32.</param>
    /// <param name="newValues">The same.</param>
    public void Encode(int first, Tensor newKeys, Tensor newValues)
    {
        if (newKeys.shape[1] == 0)
            return;
        keys.Encode(first, newKeys);
        values.Encode(first, newValues);
    }

    /// <summary>Scores of the first tokens by their codes.</summary>
    /// <param name="queries">[kvHeads, n, headDim].</param>
    /// <param name="tokens">How many.</param>
    /// <returns>[kvHeads, n, tokens].</returns>
    public Tensor Scores(Tensor queries, int tokens) => Scores(keys, queries, tokens);

    /// <summary>Scores of the first of some keys by their codes.</summary>
    /// <param name="codes">The keys.</param>
    /// <param name="queries">[kvHeads, n, headDim].</param>
    /// <param name="tokens">How many.</param>
    /// <returns>[kvHeads, n, tokens].</returns>
    public static Tensor Scores(TorchCodes codes, Tensor queries, int tokens)
    {
        Tensor scores = empty([queries.shape[0], queries.shape[1], tokens], ScalarType.Float32, queries.device);
        if (tokens == 0)
            return scores;
        Tensor met = codes.Meet(queries);
        for (int from = 0, to; from < tokens; from = to)
        {
            using var scope = NewDisposeScope();
            to = Math.Min(tokens, from + Some);
            scores.narrow(-1, from, to - from).copy_(met.matmul(codes.Rows(from, to).transpose(1, 2)));
        }

        return scores;
    }

    /// <summary>Weighted sums of the first tokens' values.</summary>
    /// <param name="weights">[kvHeads, n, tokens].</param>
    /// <returns>[kvHeads, n, headDim]; of no tokens, zero.</returns>
    public Tensor Sum(Tensor weights)
    {
        int tokens = (int)weights.shape[^1];
        if (tokens == 0)
            return zeros([1], ScalarType.Float32, weights.device);
        Tensor sums = weights.narrow(-1, 0, Math.Min(tokens, Some)).matmul(values.Rows(0, Math.Min(tokens, Some)));
        for (int from = Some; from < tokens; from += Some)
        {
            using var scope = NewDisposeScope();
            int to = Math.Min(tokens, from + Some);
            sums.Increase(weights.narrow(-1, from, to - from).matmul(values.Rows(from, to)));
        }

        return values.Leave(sums);
    }
}
