using TailorKV.Torch.Cache.Codes;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Indexes;

/// <summary>Scores by low-bit codes of the keys.</summary>
internal sealed class CodedIndex(TorchCodes codes) : TorchKeyIndex
{
    /// <inheritdoc/>
    public override void Add(int first, Tensor keys) => codes.Encode(first, keys);

    /// <inheritdoc/>
    public override Tensor Scores(Tensor queries, Tensor? predicted, int tokens) => CodedTokens.Scores(codes, queries, tokens);
}
