using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Models;
using static TorchSharp.torch;

namespace TailorKV.Torch.Model;

/// <summary>A layer's weights on the device, named as in <see cref="LayerWeights"/>.</summary>
/// <param name="weights">As they are stored.</param>
/// <param name="matrix">Brings a matrix to the device.</param>
/// <param name="vector">Brings a vector there, where there is one.</param>
internal sealed class TorchLayer(LayerWeights weights, Func<StoredTensor, Tensor> matrix, Func<float[]?, Tensor?> vector)
{
    public Tensor? AttentionNorm { get; } = vector(weights.AttentionNorm);

    public Tensor? AttentionOutputNorm { get; } = vector(weights.AttentionOutputNorm);

    public Tensor? FeedForwardNorm { get; } = vector(weights.FeedForwardNorm);

    public Tensor? FeedForwardOutputNorm { get; } = vector(weights.FeedForwardOutputNorm);

    public Tensor? QueryNorm { get; } = vector(weights.QueryNorm);

    public Tensor? KeyNorm { get; } = vector(weights.KeyNorm);

    public TorchLinear Query { get; } = new(matrix(weights.Query), vector(weights.QueryBias));

    public TorchLinear Key { get; } = new(matrix(weights.Key), vector(weights.KeyBias));

    public TorchLinear Value { get; } = new(matrix(weights.Value), vector(weights.ValueBias));

    public TorchLinear AttentionOutput { get; } = new(matrix(weights.AttentionOutput), vector(weights.OutputBias));

    public TorchLinear Gate { get; } = new(matrix(weights.Gate), vector(weights.GateBias));

    public TorchLinear Up { get; } = new(matrix(weights.Up), vector(weights.UpBias));

    public TorchLinear Down { get; } = new(matrix(weights.Down), vector(weights.DownBias));
}
