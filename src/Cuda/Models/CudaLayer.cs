namespace TailorKV.Cuda.Models;

/// <summary>A layer's weights on the card, named as in <see cref="Runtime.Models.LayerWeights"/>. Of vectors the address, 0 where there is none.</summary>
internal sealed record CudaLayer
{
    public nint AttentionNorm { get; init; }

    public nint AttentionOutputNorm { get; init; }

    public nint FeedForwardNorm { get; init; }

    public nint FeedForwardOutputNorm { get; init; }

    public required HeadNorm QueryNorm { get; init; }

    public required HeadNorm KeyNorm { get; init; }

    public required CudaLinear Query { get; init; }

    public required CudaLinear Key { get; init; }

    public required CudaLinear Value { get; init; }

    public required CudaLinear AttentionOutput { get; init; }

    public required CudaLinear Gate { get; init; }

    public required CudaLinear Up { get; init; }

    public required CudaLinear Down { get; init; }

    /// <summary>A norm of projected heads: its weight, and how many numbers are normed together.</summary>
    internal readonly record struct HeadNorm(nint Weight, int Length);
}
