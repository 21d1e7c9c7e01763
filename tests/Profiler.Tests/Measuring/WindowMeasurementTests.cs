using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Profiler.Measuring;
using TailorKV.Profiler.Text;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Models;
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

    public static TheoryData<string> Kinds => ["full", "quantized", "retrieved by codes", "retrieved by channels", "refined"];

    [Fact]
    public void An_exact_layer_costs_nothing()
    {
        using var measurement = new WindowMeasurement(_model, _window, Context);
        for (int layer = 0; layer < _model.Shape.Layers; layer++)
        {
            (double loss, double error) = measurement.Measure(layer, new FullPolicy(ExactPrecision.Float32));
            Assert.InRange(loss, 0, 1e-6);
            Assert.InRange(error, 0, 1e-5);
        }
    }

    /// <summary>What is measured must be what a session does: the same losses as a session under the same policies, token by token.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void All_layers_at_once_are_what_a_session_does(string kind)
    {
        LayerPolicy[] policies = [.. Enumerable.Range(0, _model.Shape.Layers).Select(layer => Policy(kind, layer))];
        using var measurement = new WindowMeasurement(_model, _window, Context);
        double[] measured = measurement.MeasureAll(policies);

        int vocabulary = _model.Shape.VocabularySize;
        var exact = new float[Tail * vocabulary];
        using (Session full = _model.CreateFullSession(_window.Length, ExactPrecision.Float32))
        {
            full.Prefill(_window.AsSpan(0, Context));
            full.Extend(_window.AsSpan(Context), (position, logits) => LogProbabilities.All(logits, exact.AsSpan((position - Context) * vocabulary, vocabulary)));
        }

        using Session session = _model.CreateSession(Plan.From(_model.Fingerprint, _window.Length, policies));
        session.Prefill(_window.AsSpan(0, Context));
        for (int row = 0; row < Tail; row++)
        {
            double loss = LogProbabilities.Divergence(exact.AsSpan(row * vocabulary, vocabulary), session.Decode(_window[Context + row]));
            Assert.Equal(loss, measured[row], 1e-4 + (1e-3 * loss));
        }
    }

    /// <summary>A layer changed alone gives what all layers give when the others are exact.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void One_layer_is_all_layers_but_exact_ones(string kind)
    {
        using var measurement = new WindowMeasurement(_model, _window, Context);
        for (int layer = 0; layer < _model.Shape.Layers; layer++)
        {
            LayerPolicy[] policies = [.. Enumerable.Repeat(new FullPolicy(ExactPrecision.Float32), _model.Shape.Layers)];
            policies[layer] = Policy(kind, layer);
            double all = measurement.MeasureAll(policies).Average();
            Assert.Equal(all, measurement.Measure(layer, policies[layer]).Loss, 1e-5 + (1e-3 * all));
        }
    }

    [SkippableTheory]
    [InlineData("llama-untied")]
    [InlineData("qwen3-qknorm")]
    [InlineData("mistral-sliding")]
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
                Assert.Equal(expected, measurement.HeadDensePreference(layer)[head], 1e-5);
            }
        }
    }

    public void Dispose() => _model.Dispose();

    private static LayerPolicy Policy(string kind, int layer) => kind switch
    {
        "full" => new FullPolicy(),
        "quantized" => Catalogue.Kivi(4, 2),
        "retrieved by channels" when layer > 0 => new RetrievedPolicy { TopK = 16, Index = new CriticalChannels(8), Generated = 8 },
        "refined" => Catalogue.Refined(2, 2, 16),
        _ => new RetrievedPolicy { TopK = 16, Index = new CodedKeys(new PerChannelFormat { Bits = 2, Group = 32 }), Generated = 8 },
    };
}
