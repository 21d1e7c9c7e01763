using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Profiler.Measuring;
using TailorKV.Profiler.Text;
using TailorKV.Runtime;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Sessions;
using TailorKV.Runtime.Verification;
using TailorKV.Tests;

namespace TailorKV.Profiler.Tests.Measuring;

public sealed class WindowMeasurementTests : IDisposable
{
    private const int Context = 200;
    private const int Tail = 24;

    private readonly CausalLanguageModel _model = CausalLanguageModel.Load(Path.Combine(SharedData.Root, "models", "tiny-recall"));
    private readonly int[] _window;

    public WindowMeasurementTests() => _window = MeasuringText.Open(_model, null).Windows(TextPurpose.Calibration, 1, Context + Tail, 7)[0];

    // What begins with layer 0 must be allowed there.
    private static readonly LayerPolicy[] Some = [.. LayerPolicy.Kinds.SelectMany(kind => kind.Diagnostic.TakeLast(1).Concat(kind.Timed.TakeLast(1))).Distinct(), Catalogue.Kivi(4, 2), Catalogue.InTiers([5, 3, 2, 1], 2), Catalogue.InTiers([3, 1, 0, 0], [2, 0])];

    public static TheoryData<string> Policies => [.. Some.Select(policy => policy.Describe())];

    [Fact]
    public void An_exact_layer_costs_nothing()
    {
        using var measurement = new WindowMeasurement(_model, _window, Context);
        for (int layer = 0; layer < _model.Shape.Layers; layer++)
        {
            LayerEffect effect = measurement.Measure(layer, new FullPolicy(ExactPrecision.Float32));
            Assert.InRange(effect.Loss, 0, 1e-6);
            Assert.InRange(effect.OutputError, 0, 1e-5);
            Assert.InRange(effect.LogProbabilityChange, -1e-4, 1e-4);
        }
    }

    /// <summary>What is measured must be what a session does: the same losses as a session under the same policies, token by token.</summary>
    [Theory]
    [MemberData(nameof(Policies))]
    public void All_layers_at_once_are_what_a_session_does(string described)
    {
        LayerPolicy[] policies = [.. Enumerable.Range(0, _model.Shape.Layers).Select(layer => Policy(described, layer))];
        using var measurement = new WindowMeasurement(_model, _window, Context);
        measurement.Calibrations = ModelProfiler.Calibrate(_model, _window, Context);
        double[] measured = measurement.MeasureAll(policies);

        int vocabulary = _model.Shape.VocabularySize;
        var exact = new float[Tail * vocabulary];
        using (Session full = _model.CreateFullSession(_window.Length, ExactPrecision.Float32))
        {
            full.Prefill(_window.AsSpan(0, Context));
            full.Extend(_window.AsSpan(Context), (position, logits) => LogProbabilities.All(logits, exact.AsSpan((position - Context) * vocabulary, vocabulary)));
        }

        using Session session = _model.CreateSession(Plan.From(_model.Fingerprint, _window.Length, policies, calibrations: measurement.Calibrations));
        session.Prefill(_window.AsSpan(0, Context));
        for (int row = 0; row < Tail; row++)
        {
            double loss = LogProbabilities.Divergence(exact.AsSpan(row * vocabulary, vocabulary), session.Decode(_window[Context + row]));
            // Both add up in orders of their own, so that here and there an element rounds to the code beside: of 2 bits that shows.
            Assert.Equal(loss, measured[row], 1e-4 + (1e-2 * loss));
        }
    }

    /// <summary>The change of the right token's log probability against that of two sessions, summed plainly.</summary>
    [Fact]
    public void The_right_tokens_log_probability_changes_as_between_two_sessions()
    {
        LayerPolicy[] policies = [.. Enumerable.Repeat(new FullPolicy(ExactPrecision.Float32), _model.Shape.Layers)];
        policies[1] = Catalogue.Kivi(2, 1);
        using var measurement = new WindowMeasurement(_model, _window, Context);
        double expected = Mean(Plan.From(_model.Fingerprint, _window.Length, policies)) - Mean(Plan.Uniform(_model.Fingerprint, _window.Length, new FullPolicy(ExactPrecision.Float32)));
        Assert.InRange(Math.Abs(expected), 1e-4, 10);
        Assert.Equal(expected, measurement.Measure(1, policies[1]).LogProbabilityChange, 1e-4);

        double Mean(Plan plan)
        {
            using Session session = _model.CreateSession(plan);
            session.Prefill(_window.AsSpan(0, Context));
            return Enumerable.Range(Context, Tail - 1).Average(position => LogProbabilities.Of(session.Decode(_window[position]), _window[position + 1]));
        }
    }

    /// <summary>No index sees more of the attention than the attention itself does, more tokens see no less, and all tokens see everything.</summary>
    [Fact]
    public void Recall_grows_with_the_tokens_chosen_and_is_greatest_for_the_attention_itself()
    {
        int[] counts = [1, 4, 16, 64, Context];
        using var measurement = new WindowMeasurement(_model, _window, Context);
        for (int layer = 1; layer < _model.Shape.Layers; layer++)
        {
            double[] exact = measurement.Recall(layer, null, counts);
            Assert.Equal(exact.Order(), exact);
            Assert.Equal(1, exact[^1], 1e-5);
            Assert.InRange(exact[0], 0.05, 0.999);
            double[][] indexes = [.. new KeyIndex[] { new CodedKeys(new RotatedNormalFormat { Bits = 1 }), new CodedKeys(new RotatedNormalFormat { Bits = 4 }), new CriticalChannels(8) }
                .Select(index => measurement.Recall(layer, index, counts))];
            foreach (double[] recall in indexes)
            {
                Assert.Equal(recall.Order(), recall);
                Assert.Equal(1, recall[^1], 1e-5);
                Assert.All(recall.Zip(exact), pair => Assert.InRange(pair.First, 0, pair.Second + 0.02));
            }

            Assert.InRange(indexes[1][1], indexes[0][1] - 0.01, exact[1] + 0.02);
        }
    }

    /// <summary>The exact curve against probabilities worked out and sorted plainly.</summary>
    [Fact]
    public void Recall_is_that_of_plain_probabilities()
    {
        const int Layer = 1, Count = 5;
        var kept = new KeptAttention(Layer);
        using (Session session = _model.CreateFullSession(_window.Length, ExactPrecision.Float32))
            session.Prefill(_window, kept);
        LayerShape shape = _model.Shape.Layer(Layer);
        int group = shape.Heads / shape.KvHeads, length = _window.Length;
        double expected = 0;
        for (int row = Context; row < length; row++)
        {
            for (int kvHead = 0; kvHead < shape.KvHeads; kvHead++)
            {
                var mass = new double[row + 1];
                for (int head = kvHead * group; head < (kvHead + 1) * group; head++)
                {
                    double[] weights = [.. Enumerable.Range(0, row + 1).Select(token => Math.Exp(Enumerable.Range(0, shape.HeadDim).Sum(i =>
                        (double)kept.Queries[(((row * shape.Heads) + head) * shape.HeadDim) + i] * kept.Keys[(((kvHead * length) + token) * shape.HeadDim) + i])))];
                    for (int token = 0; token <= row; token++)
                        mass[token] += weights[token] / weights.Sum() / group;
                }

                // Four sinks, and the newest 32 of the context and all after it, are always seen.
                expected += mass[..4].Sum() + mass[(Context - 32)..].Sum() + mass[4..(Context - 32)].OrderDescending().Take(Count).Sum();
            }
        }

        using var measurement = new WindowMeasurement(_model, _window, Context);
        Assert.Equal(expected / (Tail * shape.KvHeads), measurement.Recall(Layer, null, [Count])[0], 1e-5);
    }

    /// <summary>Measuring a layer leaves nothing behind: what is measured after it is what would have been measured without it.</summary>
    [Fact]
    public void What_a_layer_is_measured_by_does_not_depend_on_what_was_measured_before()
    {
        const int Layer = 2;
        int[] counts = [1, 4, 16];
        var index = new CodedKeys(new RotatedNormalFormat { Bits = 1 });
        using var measurement = new WindowMeasurement(_model, _window, Context);
        double[] exact = measurement.Recall(Layer, null, counts), coded = measurement.Recall(Layer, index, counts);
        LayerEffect effect = measurement.Measure(Layer, Catalogue.Kivi(2, 2));

        LayerEffect below = measurement.Measure(0, Catalogue.Kivi(1, 1));

        Assert.InRange(below.Loss, 1e-3, 10);
        // Another layer's attention is worked out anew.
        measurement.Recall(1, null, counts);
        Assert.Equal(exact, measurement.Recall(Layer, null, counts));
        Assert.Equal(coded, measurement.Recall(Layer, index, counts));
        Assert.Equal(effect, measurement.Measure(Layer, Catalogue.Kivi(2, 2)));
    }

    /// <summary>A layer changed alone gives what all layers give when the others are exact.</summary>
    [Theory]
    [MemberData(nameof(Policies))]
    public void One_layer_is_all_layers_but_exact_ones(string described)
    {
        using var measurement = new WindowMeasurement(_model, _window, Context);
        measurement.Calibrations = ModelProfiler.Calibrate(_model, _window, Context);
        for (int layer = 0; layer < _model.Shape.Layers; layer++)
        {
            LayerPolicy[] policies = [.. Enumerable.Repeat(new FullPolicy(ExactPrecision.Float32), _model.Shape.Layers)];
            policies[layer] = Policy(described, layer);
            double all = measurement.MeasureAll(policies).Average();
            Assert.Equal(all, measurement.Measure(layer, policies[layer]).Loss, 1e-5 + (1e-3 * all));
        }
    }

    [Theory]
    [InlineData("llama-untied")]
    [InlineData("llama-tied-bf16")]
    [InlineData("llama-headdim")]
    [InlineData("llama3-rope")]
    [InlineData("mistral-sliding")]
    [InlineData("qwen2-bias")]
    [InlineData("qwen3-qknorm")]
    [InlineData("linear-rope")]
    [InlineData("mistral-no-window")]
    [InlineData("qwen2-some-windows")]
    public void Density_is_that_of_the_references_probabilities(string name)
    {
        string folder = SharedData.Require($"fixtures/architectures/{name}");
        using var model = CausalLanguageModel.Load(folder);
        using var reference = SafetensorsFile.Open(Path.Combine(folder, "reference.safetensors"));
        int[] tokens = [.. reference.ReadIntegers("input_ids").Select(token => (int)token)];
        using var measurement = new WindowMeasurement(model, tokens, tokens.Length - 32);
        for (int layer = 0; layer < model.Shape.Layers; layer++)
        {
            float[] attention = reference.ReadFloats($"layer{layer}.attention");
            for (int head = 0; head < model.Shape.Heads; head++)
            {
                double expected = Enumerable.Range(tokens.Length - 32, 32).Average(query =>
                    1 - attention.AsSpan(((head * tokens.Length) + query) * tokens.Length, tokens.Length).ToArray().OrderDescending().Take(tokens.Length / 20).Sum(p => (double)p));
                Assert.Equal(expected, measurement.HeadDensePreference(layer)[^1][head], 1e-5);
            }
        }
    }

    public void Dispose() => _model.Dispose();

    private LayerPolicy Policy(string described, int layer)
    {
        LayerPolicy policy = Some.Single(one => one.Describe() == described);
        return policy.Problem(_model.Shape.Layer(layer), layer) is null ? policy : new FullPolicy();
    }
}
