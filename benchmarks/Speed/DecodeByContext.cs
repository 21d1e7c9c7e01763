using TailorKV.Cli.Charts;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Profiler.Speed;
using TailorKV.Quality;
using TailorKV.Runtime;

namespace TailorKV.Benchmarks.Speed;

/// <summary>Decoded tokens per second against context, every layer kept alike, in each way and by llama.cpp: a table and a plot.</summary>
internal sealed class DecodeByContext
{
    /// <summary>Every context must be longer than this: the tokens decoded before those that count come out of it.</summary>
    public const int LeastContext = Generated * 2;

    private const int Generated = 32;
    private const int Repetitions = 3;

    private static readonly (string Name, LayerPolicy Policy)[] Caches =
    [
        ("full bf16", new FullPolicy()),
        ("full f32", new FullPolicy(ExactPrecision.Float32)),
        ("KIVI K4V4", Catalogue.Kivi(4, 4)),
        ("KIVI K2V2", Catalogue.Kivi(2, 2)),
        ("rotated K4V4", Catalogue.Rotated(4, 4)),
        ("rotated K2V2", Catalogue.Rotated(2, 2)),
        ("retrieved, top-256", new RetrievedPolicy { TopK = 256, Index = new CodedKeys(new RotatedNormalFormat { Bits = 1 }) }),
        ("refined K2V2, top-64", Catalogue.Refined(2, 2, 64)),
    ];

    // Each in the colour of the cache of ours that is most like it.
    private static readonly (string Type, string Style)[] LlamaTypes = [("f16", "series-1"), ("q8_0", "muted"), ("q4_0", "series-3")];

    private readonly CausalLanguageModel _model;
    private readonly LlamaBench? _llama;
    private readonly IReadOnlyList<int> _contexts;
    private readonly int _longestOfLlama;
    private readonly int _rounds;
    private readonly CancellationToken _cancellation;
    private readonly Curve[] _curves;

    public DecodeByContext(CausalLanguageModel model, LlamaBench? llama, IReadOnlyList<int> contexts, int longestOfLlama, int rounds, CancellationToken cancellation)
    {
        (_model, _llama, _contexts, _longestOfLlama, _rounds, _cancellation) = (model, llama, contexts, longestOfLlama, rounds, cancellation);
        _curves =
        [
            .. Caches.Select((cache, i) => new Curve(cache.Name, Marks.Line | Marks.Circles, $"series-{i + 1}", context => Decode(cache.Policy, context))),
            .. llama is null ? [] : LlamaTypes.Select(one => new Curve($"llama.cpp {one.Type}", Marks.Dashes | Marks.Diamonds, one.Style, context => context <= _longestOfLlama ? DecodeByLlama(one.Type, context) : [])),
        ];
    }

    private int Threads => _model.Backend.Threads;

    /// <summary>Measures, and writes decode-by-context.md and decode-by-context.svg.</summary>
    /// <param name="command">The command that makes them.</param>
    /// <param name="folder">Where to.</param>
    public void Run(string command, string folder)
    {
        var report = new Report(command);
        double[][] speeds = [.. _contexts.Select(Measure)];

        report.Heading($"Decoded tokens per second against context: {_model.Fingerprint.Name}, {Threads} threads");
        report.Paragraph(
            $"Every layer kept alike; the median of {_rounds * Repetitions} runs of {Generated} tokens, all caches measured one after another in each of {_rounds} rounds at a context."
            + " Ours start from drawn keys and values in place of a prompt: what a step costs depends on how many they are, not on what they are. Our runs go on after one another, around the"
            + " context that is named; llama.cpp's each start from a prompt of that length, which takes it minutes at the long ones"
            + (_contexts[^1] > _longestOfLlama ? $": it is measured to {_longestOfLlama}." : ".")
            + $" The model was made for {_model.Shape.ContextLength} tokens; beyond them speeds hold, texts would not.");
        report.Table(["context", .. _curves.Select(curve => curve.Name)], _contexts.Select((context, i) => new[] { $"{context}" }.Concat(speeds[i].Select(speed => double.IsNaN(speed) ? "-" : $"{speed:0.0}")).ToArray()));
        report.Paragraph("![Decoded tokens per second against context](decode-by-context.svg)");

        Directory.CreateDirectory(folder);
        report.Write(Path.Combine(folder, "decode-by-context.md"));
        var x = new Axis("tokens of context") { Logarithmic = true, Unit = 1024, Suffix = "k", From = _contexts[0], To = _contexts.Count > 1 ? _contexts[^1] : null };
        var chart = new Chart(
            $"Decoded tokens per second, {_model.Fingerprint.Name}, {Threads} threads", x, new Axis("tokens per second") { Logarithmic = true },
            [.. _curves.Select((curve, i) => new Series(curve.Name, curve.Marks, [.. Points(curve.Name, [.. speeds.Select(ofContext => ofContext[i])])])
            {
                Style = curve.Style,
            })])
        {
            Height = 520,
        };
        File.WriteAllText(Path.Combine(folder, "decode-by-context.svg"), chart.ToFile());
    }

    private IEnumerable<ChartPoint> Points(string name, double[] speeds) => _contexts.Zip(speeds)
        .Where(point => !double.IsNaN(point.Second))
        .Select(point => new ChartPoint(point.First, point.Second, $"{name}, {point.First}: {point.Second:0.0}"));

    private double[] Measure(int context)
    {
        List<double>[] samples = [.. _curves.Select(_ => new List<double>())];
        for (int round = 0; round < _rounds; round++)
        {
            for (int i = 0; i < _curves.Length; i++)
            {
                samples[i].AddRange(_curves[i].Measure(context));
                if (samples[i].Count > 0)
                    Console.Error.WriteLine($"{context}  {_curves[i].Name}  {samples[i][^1]:0.0}");
            }
        }

        return [.. samples.Select(all => all.Count > 0 ? all.Order().ElementAt(all.Count / 2) : double.NaN)];
    }

    private IReadOnlyList<double> Decode(LayerPolicy policy, int context)
    {
        // llama.cpp's runs all start at the context; ours lie around the same mean.
        var request = new SpeedRequest
        {
            Prompt = 0,
            Depth = context - (Generated * (Repetitions + 1) / 2),
            Generated = Generated,
            Repetitions = Repetitions,
            FillsDepth = true,
        };
        Plan plan = Plan.Uniform(_model.Fingerprint, (int)request.Context, policy);
        return SpeedMeasurement.Measure(_model, plan, request, cancellation: _cancellation).Decode!.RunsTokensPerSecond;
    }

    private IReadOnlyList<double> DecodeByLlama(string type, int context) => _llama!.Decode(type, Threads, context, Generated, Repetitions, _cancellation);

    /// <summary>A way to keep the cache, and how it is measured and drawn.</summary>
    private sealed record Curve(string Name, Marks Marks, string Style, Func<int, IReadOnlyList<double>> Measure);
}
