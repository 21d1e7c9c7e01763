using TailorKV.Planner.Profiles;
using TailorKV.Runtime;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Backends.Cpu;
using TailorKV.Runtime.Sessions;
using TailorKV.Runtime.Tests;
using TailorKV.Runtime.Tests.Models;
using TailorKV.Torch.Model;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Tests.Model;

/// <summary>Gradients against central differences of the loss, each element of a matrix moved by itself, and the loss against the CPU backend's.</summary>
public sealed class TextGradientsTests : IDisposable
{
    private const int Context = 64;
    private const double Step = 1e-2;

    private static readonly int[] Text = [3, 17, 8, 8, 31, 0, 25, 12, 39, 6];

    private readonly TemporaryFolder _folder = new();
    private readonly TorchBackend _backend = new();
    private readonly List<CausalLanguageModel> _models = [];

    [Theory]
    [InlineData("llama", 0)]
    [InlineData("qwen2", 1)]
    [InlineData("qwen3", 0)]
    public void Norms_at_matrices_are_those_of_central_differences(string architecture, int layer)
    {
        CausalLanguageModel model = Load(architecture, _backend);
        LayerGradients gradients = model.Gradients(Text, Context)[layer];
        TorchLayer weights = ((TorchModel)model.DeviceModel).Layers[layer];
        Assert.Equal(1, gradients.Keys / Norm(Differences(model, weights.Key.Matrix)), 0.01);
        Assert.Equal(1, gradients.Values / Norm(Differences(model, weights.Value.Matrix)), 0.01);
    }

    /// <summary>What is added to projected keys before RoPE is turned with them, which leaves squares as they are.</summary>
    [Theory]
    [InlineData("llama", 1)]
    [InlineData("qwen2", 0)]
    public void Fisher_information_is_that_of_central_differences(string architecture, int layer)
    {
        CausalLanguageModel model = Load(architecture, _backend);
        LayerGradients gradients = model.Gradients(Text, Context)[layer];
        Assert.Equal(1, gradients.KeyFisher / Fisher((weights, moved) => (weights.Key with { Bias = Plus(weights.Key.Bias, moved) }, weights.Value)), 0.02);
        Assert.Equal(1, gradients.ValueFisher / Fisher((weights, moved) => (weights.Key, weights.Value with { Bias = Plus(weights.Value.Bias, moved) })), 0.02);

        double Fisher(Func<TorchLayer, Tensor, (TorchLinear, TorchLinear)> with)
        {
            using Tensor moved = zeros(Text.Length, TinyModel.KvHeads * TinyModel.HeadDim);
            double[] differences = Differences(model, moved, (layer, weights => with(weights, moved)));
            return differences.Average(difference => Math.Pow(difference * (Text.Length - 1), 2));
        }

        static Tensor Plus(Tensor? bias, Tensor moved) => bias is null ? moved : bias + moved;
    }

    [Theory]
    [InlineData("llama")]
    [InlineData("qwen3")]
    public void The_loss_is_the_CPU_backends(string architecture)
    {
        CausalLanguageModel model = Load(architecture, _backend);
        using CpuBackend cpu = new();
        using Session session = Load(architecture, cpu).CreateFullSession(Context, Planner.Models.ExactPrecision.Float32);
        double sum = 0;
        for (int i = 0; i + 1 < Text.Length; i++)
        {
            double[] logits = [.. (i == 0 ? session.Prefill(Text.AsSpan(0, 1)) : session.Decode(Text[i])).ToArray()];
            sum += Math.Log(logits.Sum(logit => Math.Exp(logit - logits.Max()))) + logits.Max() - logits[Text[i + 1]];
        }

        Assert.Equal(sum / (Text.Length - 1), Loss(model, null), 1e-4);
    }

    /// <summary>Weights are shared with sessions on other threads: they neither change nor ask for gradients, also after a call that was ended.</summary>
    [Fact]
    public void The_models_tensors_stay_as_they_are()
    {
        CausalLanguageModel model = Load("llama", _backend);
        var weights = (TorchModel)model.DeviceModel;
        float[][] before = Numbers();
        IReadOnlyList<LayerGradients> once = model.Gradients(Text, Context);
        Assert.ThrowsAny<OperationCanceledException>(() => model.Gradients(Text, Context, new CancellationToken(canceled: true)));
        Assert.Equal(once, model.Gradients(Text, Context));
        Assert.Equal(before, Numbers());
        Assert.All(weights.Layers, layer => Assert.All(new[] { layer.Key.Matrix, layer.Value.Matrix }, matrix => Assert.False(matrix.requires_grad)));

        float[][] Numbers() => [.. weights.Layers.SelectMany(layer => new[] { layer.Key.Matrix, layer.Value.Matrix }).Select(matrix => matrix.data<float>().ToArray())];
    }

    [Fact]
    public async Task Threads_at_work_at_once_measure_the_same()
    {
        CausalLanguageModel model = Load("llama", _backend);
        IReadOnlyList<LayerGradients> alone = model.Gradients(Text, Context);
        IReadOnlyList<LayerGradients>[] together = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => model.Gradients(Text, Context))));
        Assert.All(together, one => Assert.Equal(alone, one));
    }

    public void Dispose()
    {
        _models.ForEach(model => model.Dispose());
        _backend.Dispose();
        _folder.Dispose();
    }

    private CausalLanguageModel Load(string architecture, Backend backend)
    {
        // What another model has mapped is not written to.
        if (_models.Count == 0)
            new TinyModel(architecture).WriteFolder(_folder.Path);
        _models.Add(CausalLanguageModel.Load(_folder.Path, backend));
        return _models[^1];
    }

    private static double Norm(double[] numbers) => Math.Sqrt(numbers.Sum(number => number * number));

    /// <summary>The derivative of the loss by each element of a tensor that it depends on.</summary>
    private static double[] Differences(CausalLanguageModel model, Tensor tensor, (int Layer, Func<TorchLayer, (TorchLinear, TorchLinear)> Projections)? replaced = null)
    {
        using Tensor flat = tensor.view(-1);
        return [.. Enumerable.Range(0, (int)flat.numel()).Select(element =>
        {
            using var scope = NewDisposeScope();
            using var noGradients = no_grad();
            float before = flat[element].item<float>();
            double up = At(before + (float)Step), down = At(before - (float)Step);
            flat[element] = before;
            return (up - down) / (2 * Step);

            double At(float value)
            {
                flat[element] = value;
                return Loss(model, replaced);
            }
        })];
    }

    private static double Loss(CausalLanguageModel model, (int Layer, Func<TorchLayer, (TorchLinear Keys, TorchLinear Values)> Projections)? replaced)
    {
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        var weights = (TorchModel)model.DeviceModel;
        TorchTransformer transformer = weights.CreateTransformer(Context);
        Tensor hidden = transformer.Embedded(Text);
        for (int layer = 0; layer < weights.Layers.Count; layer++)
        {
            TorchLayer own = weights.Layers[layer];
            (TorchLinear keys, TorchLinear values) = replaced is { } other && other.Layer == layer ? other.Projections(own) : (own.Key, own.Value);
            hidden = transformer.Through(layer, hidden, keys, values).Hidden;
        }

        // Doubles keep the small differences of losses.
        Tensor logits = transformer.Logits(hidden).to(ScalarType.Float64), next = tensor(Array.ConvertAll(Text[1..], token => (long)token));
        return nn.functional.cross_entropy(logits.narrow(0, 0, Text.Length - 1), next).item<double>();
    }
}
