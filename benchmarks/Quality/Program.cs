using TailorKV.Planner;
using TailorKV.Quality;

const string Usage = """
    Measures the quality of ways to keep a KV cache and puts it beside figures of another implementation.

      dotnet run -c Release --project benchmarks/Quality -- COMMAND SHARED [OUT]

    SHARED is the folder of models and references; OUT the Markdown file to write (default: standard output).

      sensitivity   SmolLM2, protocol of its sensitivity.json: single layers and whole caches
      findings      SmolLM2, protocol of its findings.json: quantizers, indexes, refined layers
      needles       tiny-recall at 2,048 and 4,000 tokens: the table of its README, and plans of few bytes
      policies      SmolLM2 at 4,096 tokens on text of another kind: every policy, bytes, KL and perplexity
      llama-cpp     SmolLM2, llama-perplexity's protocol: its cache types q8_0 and q4_0
      truth         SmolLM2: twenty plans, predicted and measured loss
      equal-bytes   SmolLM2: plans beside what others keep in the same device bytes
      evicted       SmolLM2: evicted layers by each score, and plans with them
      tiers         SmolLM2, protocol of its tiers.json: keys in tiers; every pattern of tiers; indexes
      finer         SmolLM2: keys with bits of their own for each RoPE pair beside tiers
      values        SmolLM2: values along principal directions beside rotated ones, alone, with keys in tiers, on other texts
      tiers-texts   SmolLM2: tiers calibrated on one text and judged on others
      plans-texts   SmolLM2: plans with keys in tiers and without, on the profile's kind of text and on others
      few-bytes     SmolLM2 at 4,096 tokens: retrieved layers of the fewest device bytes, by index and tokens
      tails         SmolLM2: retrieved layers that estimate the tokens they do not choose
      host-rows     SmolLM2: retrieved and refined layers with exact and coded rows on the host
      gradients     SmolLM2: KVmix's importance of layers, by gradients on libtorch, beside measured losses
      minutes       SmolLM2: plans from more windows or more options, at equal work of measuring
      together      libtorch: a layer's tail of several windows at once, beside one after another
      levels        SmolLM2: levels of rotated codes fitted to the model, by Fisher information too, beside a normal's
      own-words     SmolLM2: a profile from its own words beside one from real text
      text          SmolLM2's reference tokens as text, for other programs
    """;

const string Published = "plans/smollm2-135m-instruct/profile.json";

if (args.Length is < 2 or > 3)
{
    Console.Error.WriteLine(Usage);
    return 2;
}

using var cancellation = new CancellationTokenSource();
Console.CancelKeyPress += (_, e) =>
{
    e.Cancel = true;
    cancellation.Cancel();
};
try
{
    var report = new Report($"dotnet run -c Release --project benchmarks/Quality -- {args[0]} {args[1]}");
    switch (args[0])
    {
        case "sensitivity": SensitivityProtocol.Run(args[1], report, cancellation.Token); break;
        case "findings": FindingsProtocol.Run(args[1], report, cancellation.Token); break;
        case "needles": NeedleProtocol.Run(args[1], "plans/tiny-recall/profile.json", report, cancellation.Token); break;
        case "policies": PolicyTable.Run(args[1], report, cancellation.Token); break;
        case "llama-cpp": LlamaCppProtocol.Run(args[1], report, cancellation.Token); break;
        case "truth": TruthProtocol.Run(args[1], Published, report, cancellation.Token); break;
        case "equal-bytes": EqualBytesProtocol.Run(args[1], Published, report, cancellation.Token); break;
        case "evicted": EvictedProtocol.Run(args[1], Published, report, cancellation.Token); break;
        case "tiers": TiersProtocol.Run(args[1], report, cancellation.Token); break;
        case "values": ValuesProtocol.Run(args[1], report, cancellation.Token); break;
        case "finer": FinerProtocol.Run(args[1], report, cancellation.Token); break;
        case "plans-texts": PlanTextsProtocol.Run(args[1], Published, "plans/smollm2-135m-instruct/baselines.profile.json", report, cancellation.Token); break;
        case "tiers-texts": TiersProtocol.RunTexts(args[1], report, cancellation.Token); break;
        case "few-bytes": FewBytesProtocol.Run(args[1], Published, report, cancellation.Token); break;
        case "tails": TailProtocol.Run(args[1], report, cancellation.Token); break;
        case "host-rows": HostRowsProtocol.Run(args[1], report, cancellation.Token); break;
        case "gradients": GradientsProtocol.Run(args[1], report, cancellation.Token); break;
        case "minutes": MinutesProtocol.Run(args[1], Published, report, cancellation.Token); break;
        case "together": WindowsTogether.Run(report); break;
        case "levels": LevelsProtocol.Run(args[1], report, cancellation.Token); break;
        case "own-words": OwnWordsProtocol.Run(args[1], report, cancellation.Token); break;
        case "text": report = Report.Plain(ReferenceText.Read(args[1])); break;
        default: Console.Error.WriteLine(Usage); return 2;
    }

    report.Write(args.Length == 3 ? args[2] : null);
    return 0;
}
catch (Exception e) when (e is TailorKVException or OperationCanceledException)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}
