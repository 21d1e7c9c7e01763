using TailorKV.Planner.Profiles;
using TailorKV.Torch.Numbers;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Model;

/// <summary>
/// The gradients of a text's mean cross entropy at each layer's keys and values. Forward, only each layer's input is kept; backward, one layer at a time is computed again with what its
/// derivatives need, so that no more than one layer's part is there at once. The model's tensors never ask for gradients: others that look at the same memory do.
/// </summary>
/// <param name="model">The weights.</param>
/// <param name="transformer">The arithmetic.</param>
/// <param name="text">The tokens, two at least.</param>
/// <param name="cancellation">Ends the work.</param>
internal class TextGradients(TorchModel model, TorchTransformer transformer, int[] text, CancellationToken cancellation)
{
    // Logits that exist at once, which a large vocabulary makes the largest part of all.
    private const int Logits = 1 << 24;

    /// <summary>Measures; one a layer.</summary>
    public LayerGradients[] Measure()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(text.Length, 2);
        using var scope = NewDisposeScope();
        Tensor[] inputs = Inputs();
        Tensor following = AtLastOutput(inputs[^1]);
        var layers = new LayerGradients[model.Layers.Count];
        for (int layer = layers.Length - 1; layer >= 0; layer--)
        {
            cancellation.ThrowIfCancellationRequested();
            Tensor before = following;
            (layers[layer], following) = Backward(layer, inputs[layer], before);
            before.Dispose();
            inputs[layer + 1].Dispose();
        }

        return layers;
    }

    /// <summary>Sees a layer's keys and values and the loss's gradients at them, [tokens, kvHeads, headDim]; valid during the call.</summary>
    protected virtual void Seen(int layer, Tensor keys, Tensor values, Tensor atKeys, Tensor atValues)
    {
    }

    /// <summary>Every layer's input, and the last one's output.</summary>
    private Tensor[] Inputs()
    {
        using var noGradients = no_grad();
        List<Tensor> inputs = [transformer.Embedded(text)];
        for (int layer = 0; layer < model.Layers.Count; layer++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            inputs.Add(transformer.Through(layer, inputs[layer], model.Layers[layer].Key, model.Layers[layer].Value).Hidden.MoveToOuterDisposeScope());
        }

        return [.. inputs];
    }

    /// <summary>The loss's gradient at the last layer's output, [tokens, hidden]: none at the last token, which nothing follows.</summary>
    private Tensor AtLastOutput(Tensor output)
    {
        Tensor gradient = zeros_like(output);
        foreach ((int first, int count) in Chunks())
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            using var gradients = enable_grad();
            Tensor rows = Asking(output.narrow(0, first, count)), loss = CrossEntropy(rows, first) / Held.Of(text.Length - 1);
            gradient.narrow(0, first, count).copy_(autograd.grad([loss], [rows])[0]);
        }

        return gradient;
    }

    private (LayerGradients Gradients, Tensor AtInput) Backward(int layer, Tensor input, Tensor atOutput)
    {
        using var scope = NewDisposeScope();
        using var gradients = enable_grad();
        TorchLayer weights = model.Layers[layer];
        Tensor hidden = Asking(input), ofKeys = Asking(weights.Key.Matrix), ofValues = Asking(weights.Value.Matrix);
        (Tensor output, Tensor keys, Tensor values) = transformer.Through(layer, hidden, weights.Key with { Matrix = ofKeys }, weights.Value with { Matrix = ofValues });
        IList<Tensor> at = autograd.grad([output], [hidden, ofKeys, ofValues, keys, values], [atOutput]);
        Seen(layer, keys, values, at[3], at[4]);
        return (new LayerGradients(Norm(at[1]), Norm(at[2]), Fisher(at[3]), Fisher(at[4])), at[0].MoveToOuterDisposeScope());
    }

    /// <summary>The summed cross entropy of the tokens after some rows of the last layer's output, in nats.</summary>
    private Tensor CrossEntropy(Tensor rows, int first)
    {
        int count = (int)rows.shape[0];
        Tensor next = tensor(Array.ConvertAll(text[(first + 1)..(first + 1 + count)], token => (long)token), device: rows.device);
        return nn.functional.cross_entropy(transformer.Logits(rows), next, reduction: nn.Reduction.Sum);
    }

    /// <summary>Tokens that something follows, so many at a time that their logits are no more than there may be at once.</summary>
    private IEnumerable<(int First, int Count)> Chunks()
    {
        int some = (int)Math.Max(1, Logits / model.Output.shape[0]);
        for (int first = 0; first < text.Length - 1; first += some)
            yield return (first, Math.Min(some, text.Length - 1 - first));
    }

    /// <summary>A tensor that looks at the same memory and asks for gradients.</summary>
    private static Tensor Asking(Tensor tensor) => tensor.detach().requires_grad_();

    private static double Norm(Tensor gradient) => gradient.to(ScalarType.Float32).norm().item<float>();

    // Derivatives of the whole cross entropy, so that the number of tokens does not count: those of the mean are smaller by it.
    private double Fisher(Tensor gradient) => gradient.Squared().mean().item<float>() * Math.Pow(text.Length - 1, 2);
}
