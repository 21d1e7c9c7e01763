using System.CommandLine;
using System.Diagnostics;
using TailorKV.Cli.Options;
using TailorKV.Cli.Output;
using TailorKV.Cli.Reports;
using TailorKV.Cli.Results;
using TailorKV.Planner;
using TailorKV.Planner.Baselines;
using TailorKV.Planner.Machines;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;
using TailorKV.Profiler.Measuring;
using TailorKV.Profiler.Text;
using TailorKV.Runtime;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Models;

namespace TailorKV.Cli.Commands;

/// <summary>Measures every layer of a model.</summary>
internal sealed class ProfileCommand : ToolCommand
{
    private const int DefaultContext = 2048;
    private const int DefaultTail = 64;

    // Enough to see where a layer breaks; the profile has them all.
    private static readonly string[] DiagnosticHeadings = ["", "K4V4", "keys at 2 bits", "values at 2 bits", "K2V2", "rotated K2V2", "top-64, 8 channels", "refined K1V1, top-32"];

    // What is compared with must be measured on every layer; the rest where it can matter.
    private static readonly Dictionary<string, (LayerPolicy[] Options, LayerPolicy[] Candidates)> OptionSets = new(StringComparer.Ordinal)
    {
        ["standard"] = ([.. Catalogue.Diagnostic], [.. Catalogue.Standard]),
        ["baselines"] = ([.. Catalogue.Diagnostic, .. BaselineCatalogue.Options], [.. Catalogue.Standard]),
        ["all"] = ([.. Catalogue.Diagnostic, .. BaselineCatalogue.Options], [.. Catalogue.Standard, .. Catalogue.All]),
    };

    private readonly Argument<string> _model = SharedArguments.Model();
    private readonly DeviceOptions _device = new();
    private readonly CountOption _context = new("--context", "Tokens of context before the tokens judged. Default: 2048, or what the model was made for less the tail.");
    private readonly Option<string[]> _text = SharedArguments.Text();
    private readonly CountOption _windows = SharedArguments.Windows();
    private readonly CountOption _tail = SharedArguments.Tail();
    private readonly Option<string[]> _weights = new("--weights")
    {
        Description = "Another file of the same model with its weights stored otherwise, in fewer bits say: what using it costs is measured too. May be given several times.",
        HelpName = "MODEL",
    };

    private readonly CountOption _seed = SharedArguments.Seed("the windows, and samples the text where it is sampled");
    private readonly Option<string?> _options = new("--options")
    {
        Description = $"Ways of keeping a layer to measure: standard ({Count("standard")}, enough for good plans), baselines ({Count("baselines")}: besides those, all that 'tailorkv compare' "
            + $"compares with), or all ({Count("all")}: every format, width and number of tokens; takes long). Default: standard.",
        HelpName = "SET",
    };

    private readonly Option<bool> _unscreened = new("--unscreened")
    {
        Description = "Measures the loss of every option, even where another takes no more bytes at far less error of the layer's output.",
    };

    private readonly Option<bool> _gradients = new("--gradients")
    {
        Description = $"Measures how the loss follows each layer's keys and values too, by gradients over the first {LayerGradients.MostTokens} tokens of each window's context: "
            + "KVmix's importance. Needs --device torch or cuda.",
    };

    private readonly LayersOption _layers = new(
        "--layers",
        "Measures these layers alone, from 0. Where the file to write holds a profile of the same model, text, lengths and weights, its other layers stay; plans need all. Default: all.");

    private readonly Option<bool> _dryRun = new("--dry-run")
    {
        Description = "Measures nothing: says what it would take, in passes, bytes and, with --machine, time. No weight is read; of MODEL a folder with config.json alone is enough, or a profile of the model.",
    };

    private readonly Option<string?> _machine = new("--machine")
    {
        Description = "With --dry-run: the machine that time is estimated for, a name of 'tailorkv hardware list', or a file that 'tailorkv hardware measure' wrote.",
        HelpName = "NAME|FILE",
    };

    private readonly Option<string?> _out = SharedArguments.Out("<model's name>.profile.json");

    public ProfileCommand(Terminal terminal)
        : base(
            "profile",
            """
            Measures every layer of a model: its dense-preference score, and the loss of each way of keeping its KV cache. Writes a profile for 'tailorkv plan'.

            Loss is the mean KL divergence, in nats per token, of the next-token distributions with only that layer changed from those with the exact cache.
            Measure at the context you mean to use, or as near to it as time allows.
            """,
            terminal)
    {
        _options.AcceptOnlyFromAmong([.. OptionSets.Keys]);
        foreach (Option option in (Option[])[_context, _text, _windows, _tail, _weights, _seed, _options, _unscreened, _gradients, _layers, _out, _dryRun, _machine, .. _device.All])
            Add(option);
        Add(_model);
        Validators.Add(result =>
        {
            if (result.GetResult(_machine) is not null && result.GetResult(_dryRun) is null)
                result.AddError("--machine is for the time that --dry-run estimates; give --dry-run too, or leave --machine out.");
        });
    }

    protected override int Run(ParseResult parse)
    {
        if (parse.GetValue(_dryRun))
            return Estimate(parse);
        var clock = Stopwatch.StartNew();
        using Backend backend = _device.Open(parse);
        if (parse.GetValue(_gradients))
            backend.RequireGradients();
        using CausalLanguageModel model = LoadModel(parse.GetValue(_model)!, backend);
        string path = OutputPath(parse.GetValue(_out), model.Fingerprint.Name, ".profile.json");
        AtomicFile.RequireWritable(path);
        MeasuringText text = MeasuringText.OpenAll(model, parse.GetValue(_text)!);
        ProfileRequest request = Request(parse, model.Shape);
        ModelProfiler.Check(model, request);
        ModelProfile? before = request.Layers is not null && File.Exists(path) ? Before(path, model, request) : null;
        var times = new ProfileTimes();
        string partial = path + ".partial";
        using MeasurementJournal journal = MeasurementJournal.Open(partial);
        if (!WantsJson(parse))
        {
            (long device, long host) = ModelProfiler.MemoryBytes(model.Shape, request);
            Terminal.Remark(
                $"Measuring takes up to {ByteSize.Format(device + host)} of memory besides the model. "
                + (journal.Found > 0 ? $"Goes on after the {journal.Found} measurements found in {partial}." : $"What is finished is kept in {partial}: the same command goes on from there."));
        }

        ModelProfile profile = Terminal.WithProgress(progress => ModelProfiler.Measure(model, text, request, journal, times, progress, Terminal.Cancellation));
        profile = before?.With(profile) ?? profile;
        AtomicFile.WriteAllText(path, profile.ToJson());
        journal.Delete();

        ProfileResult result = ProfileResult.From(profile, path, clock.Elapsed.TotalSeconds, times);
        if (WantsJson(parse))
            Terminal.Json(result, ResultJsonContext.Default.ProfileResult);
        else
            Print(profile, result);
        return ExitCode.Success;
    }

    private ProfileRequest Request(ParseResult parse, ModelShape shape)
    {
        int tail = parse.GetValue(_tail) ?? DefaultTail;
        (LayerPolicy[] options, LayerPolicy[] candidates) = OptionSets[parse.GetValue(_options) ?? "standard"];
        return new ProfileRequest
        {
            Context = parse.GetValue(_context) ?? Math.Max(1, Math.Min(DefaultContext, shape.ContextLength - tail)),
            Tail = tail,
            Windows = parse.GetValue(_windows),
            Seed = parse.GetValue(_seed) ?? 1,
            Options = parse.GetValue(_unscreened) ? [.. options, .. candidates] : options,
            Candidates = candidates,
            OtherWeights = parse.GetValue(_weights) ?? [],
            Gradients = parse.GetValue(_gradients),
            Layers = parse.GetValue(_layers),
        };
    }

    /// <summary>The profile that layers are added to, of which all that can be known before measuring is compared.</summary>
    private static ModelProfile Before(string path, CausalLanguageModel model, ProfileRequest request)
    {
        ModelProfile before = ModelProfile.LoadPart(path);
        bool same = before.Model.DifferenceFrom(model.Fingerprint) is null && (before.Context, before.Tail, before.Text.Seed) == (request.Context, request.Tail, request.Seed)
            && (request.Windows is not { } windows || windows == before.Text.Windows) && (before.Layers[0].Gradients is not null) == request.Gradients;
        return same ? before : throw new InvalidFileException(
            path, "it is a profile of another model, or of other windows, seed or gradients, so that layers cannot be added to it", "Write these layers elsewhere with --out, or measure them as the others were");
    }

    private int Estimate(ParseResult parse)
    {
        string path = parse.GetValue(_model)!;
        string[] texts = parse.GetValue(_text)!;
        ModelOutline model = Path.GetExtension(path) == ".json" && ModelProfile.LoadPart(path).Model is { } profiled
            ? new ModelOutline(profiled.Name, profiled.Shape, profiled.WeightBytes, HasWeights: true)
            : ModelOutline.Read(path);
        Machine? machine = parse.GetValue(_machine) is { } name ? Machine.Load(name) : null;
        ProfileRequest request = Request(parse, model.Shape);
        request = request with { Windows = MeasuringText.EvenWindows(request.WindowCount, texts.Length) };
        ProfileEstimate estimate = ProfileEstimate.Of(model.Shape, model.WeightBytes, request, MeasuringText.IsSampled(path, texts), machine);
        ProfileEstimateResult result = ProfileEstimateResult.From(model, request, estimate, machine);
        if (WantsJson(parse))
            Terminal.Json(result, ResultJsonContext.Default.ProfileEstimateResult);
        else
            ProfileEstimateReport.Write(Terminal, result);
        return ExitCode.Success;
    }

    private static int Count(string set) => OptionSets[set].Options.Concat(OptionSets[set].Candidates).Distinct().Count();

    private void Print(ModelProfile profile, ProfileResult result)
    {
        Terminal.Line($"{result.Model}: {result.Windows} windows of {result.Context} + {result.Tail} tokens, text {result.Text}, seed {result.Seed}, {result.Seconds:0.0} s ("
            + $"{string.Join(", ", result.SecondsByPhase.Select(phase => $"{phase.Name} {phase.Seconds:0.0}"))})");
        Terminal.Table(
            [
                ">layer", ">dense preference", "TailorKV's side", .. profile.Layers[0].Gradients is null ? Array.Empty<string>() : [">gradient at keys", ">at values"],
                .. DiagnosticHeadings[1..].Select(heading => ">" + heading), $"cheapest under {ProfileResult.HarmlessLoss} nats", ">bytes",
            ],
            result.Layers.Select(layer => (string[])
            [
                $"{layer.Index}", $"{layer.DensePreference:0.000}", layer.Side,
                .. layer.Gradients is { } gradients ? (string[])[$"{gradients.Keys:0.00e+0}", $"{gradients.Values:0.00e+0}"] : [],
                .. Catalogue.Diagnostic.Skip(1).Select(diagnostic => Show.Loss(profile.Layers.Single(measured => measured.Layer == layer.Index).Options.FirstOrDefault(option => option.Policy.Equals(diagnostic))?.Loss)),
                layer.Cheapest is { } cheapest ? $"{cheapest.Mode}, {cheapest.Choices}" : "none", layer.Cheapest is null ? "-" : ByteSize.Format(layer.Cheapest.DeviceBytes),
            ]));
        foreach (ProfileResult.WeightFile weights in result.Weights)
            Terminal.Line($"With the weights of {weights.Name}, {Show.Bytes(weights.WeightBytes)}: {Show.Loss(weights.Loss, weights.LossError)} nats per token with the full cache.");
        if (profile.Layers.Sum(layer => layer.ScreenedOut ?? 0) is > 0 and var screened)
            Terminal.Line($"{screened} of {screened + profile.Layers.Sum(layer => layer.Options.Count)} options were left out, as another of their layer takes no more bytes at far less error or loss.");
        foreach (ProfileResult.MeasuredLayer layer in result.Layers.Where(layer => layer.Unmeasured.Count > 0))
        {
            Terminal.Line($"Layer {layer.Index}, options that could not be measured and that no plan chooses: {layer.Unmeasured.Count}; the profile has the reasons. The first is {layer.Unmeasured[0].Mode}, "
                + $"{layer.Unmeasured[0].Choices}: {layer.Unmeasured[0].Reason}.");
        }

        Terminal.Line($"Losses are in nats per token. A score above {TailorKVRule.Threshold} is what TailorKV calls dense, and quantizes; the rest it retrieves.");
        if (result.MissingLayers.Count > 0)
            Terminal.Line($"Plans need all layers. Not measured yet: {LayerRanges.Format(result.MissingLayers)}; the same command with these --layers adds them.");
        Terminal.Line($"Profile: {result.Profile}");
    }
}
