using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Profiler.Speed;
using TailorKV.Quality;
using TailorKV.Runtime;

namespace TailorKV.Benchmarks.Speed;

/// <summary>Decoding and reading prompts, ours and llama.cpp's in turns, and what is the ratio: a table, all of it measured in one run on one file with as many threads.</summary>
internal sealed class BesideLlama(CausalLanguageModel model, LlamaBench llama, IReadOnlyList<(string Name, Plan Plan)> plans, int rounds, CancellationToken cancellation)
{
    private const int Generated = 32;
    private const int Repetitions = 3;

    // The deepest lies as far below a context of 8,192 as all runs of decoding take.
    private const int ShortDepth = 128;
    private const int LongDepth = 8000;

    private static readonly int[] Prompts = [512, 2048, 8000];

    private int Threads => model.Backend.Threads;

    /// <summary>Measures, and writes a Markdown file.</summary>
    public void Run(string command, string path)
    {
        var report = new Report(command);
        Row[] rows =
        [
            Llama("llama.cpp f16", ShortDepth, "f16"), Ours("full bf16", ShortDepth, new FullPolicy()),
            Llama("llama.cpp f16", LongDepth, "f16"), Llama("llama.cpp q8_0", LongDepth, "q8_0"), Llama("llama.cpp q4_0", LongDepth, "q4_0"),
            Ours("full bf16", LongDepth, new FullPolicy()), Ours("refined K2V2, top-64", LongDepth, Catalogue.Refined(2, 2, 64)),
            .. plans.Select(plan => Ours(plan.Name, LongDepth, plan.Plan)),
            .. Prompts.SelectMany(prompt => new[]
            {
                new Row("llama.cpp f16", "prompt", prompt, null, () => llama.Prefill("f16", Threads, prompt, prompt > ShortDepth * 32 ? 1 : Repetitions, cancellation)),
                new Row("full bf16", "prompt", prompt, null, () => Prefill(prompt)),
            }),
        ];
        List<double>[] samples = [.. rows.Select(_ => new List<double>())];
        for (int round = 0; round < rounds; round++)
        {
            for (int i = 0; i < rows.Length; i++)
            {
                samples[i].AddRange(rows[i].Measure());
                Console.Error.WriteLine($"{rows[i].Work} {rows[i].Tokens}  {rows[i].Name}  {samples[i][^1]:0.0}");
            }
        }

        double[] medians = [.. samples.Select(all => all.Order().ElementAt(all.Count / 2))];
        report.Heading($"Beside llama.cpp: {model.Fingerprint.Name}, {Threads} threads");
        report.Paragraph(
            $"Tokens per second: the median of {rounds * Repetitions} runs, {Generated} tokens each where tokens are decoded, all measured one after another in each of {rounds} rounds. Ours decode from drawn keys and values in place of a"
            + $" prompt of that length, from {Generated * (Repetitions + 1) / 2} tokens before it to as many after. Least and most of the runs stand beside.");
        report.Table(
            ["what", "tokens", "cache", "device bytes of the cache, of f16", "tokens/s", "least", "most", "of llama.cpp f16", "of its fastest"],
            rows.Select((row, i) =>
            {
                double[] others = [.. rows.Index().Where(other => other.Item.Work == row.Work && other.Item.Tokens == row.Tokens && other.Item.Name.StartsWith("llama", StringComparison.Ordinal)).Select(other => medians[other.Index])];
                return new[]
                {
                    row.Work, $"{row.Tokens}", row.Name, row.DeviceShare is { } share ? $"{share:0.0%}" : "", $"{medians[i]:0.0}", $"{samples[i].Min():0.0}", $"{samples[i].Max():0.0}",
                    $"{medians[i] / others[0]:0.00}", $"{medians[i] / others.Max():0.00}",
                };
            }).ToArray());
        report.Write(path);
    }

    private Row Llama(string name, int depth, string type) => new(name, "decode at", depth, null, () => llama.Decode(type, Threads, depth, Generated, Repetitions, cancellation));

    private Row Ours(string name, int depth, LayerPolicy policy) => Ours(name, depth, Plan.Uniform(model.Fingerprint, (int)Request(depth).Context, policy));

    private Row Ours(string name, int depth, Plan plan)
    {
        long device = plan.Policies.Select((policy, layer) => policy.Bytes(model.Shape.Layer(layer), plan.Target.Context)).Sum(bytes => bytes.Device);
        return new Row(
            name, "decode at", depth, (double)device / model.Shape.FullCacheBytes(plan.Target.Context),
            () => SpeedMeasurement.Measure(model, plan, Request(depth), cancellation: cancellation).Decode!.RunsTokensPerSecond);
    }

    private IReadOnlyList<double> Prefill(int prompt)
    {
        var request = new SpeedRequest { Prompt = prompt, Generated = 0, Repetitions = Repetitions };
        Plan plan = Plan.Uniform(model.Fingerprint, (int)request.Context, new FullPolicy());
        return SpeedMeasurement.Measure(model, plan, request, cancellation: cancellation).Prefill!.RunsTokensPerSecond;
    }

    private static SpeedRequest Request(int depth) =>
        new() { Prompt = 0, Depth = depth - (Generated * (Repetitions + 1) / 2), Generated = Generated, Repetitions = Repetitions, FillsDepth = true };

    private sealed record Row(string Name, string Work, int Tokens, double? DeviceShare, Func<IReadOnlyList<double>> Measure);
}
