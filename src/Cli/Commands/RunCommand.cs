using System.CommandLine;
using System.Diagnostics;
using System.Text;
using TailorKV.Cli.Options;
using TailorKV.Cli.Output;
using TailorKV.Cli.Results;
using TailorKV.Planner;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Runtime;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Generation;
using TailorKV.Runtime.Sessions;
using TailorKV.Runtime.Tokenizers;

namespace TailorKV.Cli.Commands;

/// <summary>Generates text, under a plan or with every layer in full.</summary>
internal sealed class RunCommand : ToolCommand
{
    private const int DefaultMaxTokens = 256;
    private const int ContextStep = 64;
    private const string Stdin = "-";

    private readonly Argument<string> _model = SharedArguments.Model();
    private readonly DeviceOptions _device = new();
    private readonly Option<string?> _plan = new("--plan") { Description = "The plan to hold to. Default: every layer in full, bf16.", HelpName = "PLAN" };
    private readonly Option<string?> _prompt = new("--prompt") { Description = "What to answer or to go on from.", HelpName = "TEXT" };
    private readonly Option<string[]> _promptFiles = new("--prompt-file")
    {
        Description = "The prompt as a file holds it, in UTF-8; - is stdin. Given several times, the files are a user's turns in one conversation: each is answered before the next is asked.",
        HelpName = "FILE|-",
        DefaultValueFactory = _ => [],
    };

    private readonly Option<string?> _system = new("--system") { Description = "A system message before the prompt, for models with a chat template.", HelpName = "TEXT" };
    private readonly Option<string?> _systemFile = new("--system-file") { Description = "The system message as a file holds it; - is stdin.", HelpName = "FILE|-" };
    private readonly Option<bool> _raw = new("--raw") { Description = "Go on from the prompt as it is, without the model's chat template, up to an end token that its files name." };
    private readonly CountOption _maxTokens = new("--max-tokens", "Most tokens to generate, for each turn. Default: 256.");
    private readonly NumberOption _temperature = new("--temperature", "T", "Draw tokens by probability, the logits divided by T. Default: 0, the likeliest.", zeroAllowed: true);
    private readonly CountOption _seed = SharedArguments.Seed("the tokens where the temperature is above 0");
    private readonly CountOption _context = new("--context", "Tokens the session can hold, without a plan. Default: the prompts and --max-tokens for each, at most what the model was made for.");

    public RunCommand(Terminal terminal)
        : base(
            "run",
            """
            Generates text, written to stdout as it comes; tokens, speed and memory follow on stderr. Where the model has a chat template the prompt is the user's
            message in it. Ends at a token that ends a turn, after --max-tokens, or where the context is full. On a screen, control characters in the text are shown as \u001b.
            """,
            terminal)
    {
        Add(_model);
        foreach (Option option in (Option[])[_plan, _prompt, _promptFiles, _system, _systemFile, _raw, _maxTokens, _temperature, _seed, _context, .. _device.All])
            Add(option);
        Validators.Add(result =>
        {
            string[] files = [.. new Option[] { _promptFiles, _systemFile }.SelectMany(option => result.GetResult(option)?.Tokens ?? []).Select(token => token.Value)];
            int prompts = result.GetResult(_promptFiles)?.Tokens.Count ?? 0;
            bool system = result.GetResult(_system) is not null || result.GetResult(_systemFile) is not null;
            if (result.GetResult(_plan) is not null && result.GetResult(_context) is not null)
                result.AddError("--context is given by the plan; leave one of the two out.");
            if ((result.GetResult(_prompt) is not null) == prompts > 0)
                result.AddError(prompts > 0 ? "--prompt and --prompt-file both say what to answer; leave one of the two out." : "Give --prompt TEXT or --prompt-file FILE.");
            if (result.GetResult(_system) is not null && result.GetResult(_systemFile) is not null)
                result.AddError("--system and --system-file are both the system message; leave one of the two out.");
            if (result.GetResult(_raw) is not null && system)
                result.AddError("--system and --system-file need the chat template that --raw leaves out; leave one of the two out.");
            if (result.GetResult(_raw) is not null && prompts > 1)
                result.AddError("Several --prompt-file are turns in the chat template that --raw leaves out; give one, or leave --raw out.");
            if (files.Count(file => file == Stdin) > 1)
                result.AddError("stdin can be read once; give - once.");
        });
    }

    protected override int Run(ParseResult parse)
    {
        bool json = WantsJson(parse);
        string[] prompts = parse.GetValue(_prompt) is { } prompt ? [prompt] : [.. parse.GetValue(_promptFiles)!.Select(Text)];
        string? system = parse.GetValue(_systemFile) is { } systemFile ? Text(systemFile) : parse.GetValue(_system);
        Plan? plan = parse.GetValue(_plan) is { } planPath ? Plan.Load(planPath) : null;
        using Backend backend = _device.Open(parse);
        using CausalLanguageModel model = LoadModel(parse.GetValue(_model)!, backend);
        if (plan is not null)
            model.RequirePlan(plan);
        ChatTemplate? template = parse.GetValue(_raw) ? null : model.ChatTemplate;
        if (template is null && (prompts.Length > 1 || system is not null))
        {
            throw new TailorKVException(
                $"{(system is not null ? "a system message was" : "several prompts were")} given and the model has no chat template", "Write all into one prompt", model.Path);
        }

        List<ChatMessage> messages = system is null ? [] : [new ChatMessage("system", system)];
        int maxTokens = parse.GetValue(_maxTokens) ?? DefaultMaxTokens;
        int context = plan?.Target.Context ?? parse.GetValue(_context) ?? Context();
        Terminal.Remarks(model.Tokenizer.Remarks);
        IReadOnlyList<string> remarks = [.. model.Remarks, .. model.Tokenizer.Remarks, .. RemarkOnContext(context, model.Shape.ContextLength)];
        int[] next = Next(prompts[0]);
        using Session session = model.CreateSession(plan ?? Plan.Uniform(model.Fingerprint, context, new FullPolicy()));
        var sampler = new TokenSampler(parse.GetValue(_temperature) ?? 0, parse.GetValue(_seed) ?? 1);
        var writer = new AnswerWriter(model.Tokenizer, session, sampler, parse.GetValue(_raw), template is not null, maxTokens, Terminal, streams: !json);
        var turns = new List<RunResult.Turn>();
        while (true)
        {
            RunResult.Turn turn = writer.Answer(next);
            turns.Add(turn);
            messages.Add(new ChatMessage("assistant", turn.Text));
            if (!json)
                Summarize(turn, session);
            if (turns.Count == prompts.Length || turn.Stop == "cancelled")
                break;
            next = Next(prompts[turns.Count]);
        }

        RunResult.Turn last = turns[^1];
        if (json)
        {
            Terminal.Json(
                new RunResult(
                    last.Text, last.Stop, context, last.PromptTokens, last.GeneratedTokens, last.PrefillTokensPerSecond, last.DecodeTokensPerSecond, session.MeasuredDeviceBytes,
                    session.MeasuredHostBytes, PeakResidentBytes(), turns, remarks),
                ResultJsonContext.Default.RunResult);
        }

        return last.Stop == "cancelled" ? ExitCode.Cancelled : ExitCode.Success;

        // Answers take up to their most, and each prompt what it would take alone.
        int Context()
        {
            long wanted = prompts.Select((prompt, i) => (long)Encode(model, template, [.. i == 0 ? messages : [], new ChatMessage("user", prompt)]).Length + maxTokens).Sum();
            return (int)Math.Min((wanted + ContextStep - 1) / ContextStep * ContextStep, model.Shape.ContextLength);
        }

        int[] Next(string prompt)
        {
            messages.Add(new ChatMessage("user", prompt));
            int[] tokens = Encode(model, template, messages);
            return tokens.Length <= context ? tokens : throw TooLong(tokens.Length, context, model.Shape.ContextLength, plan is not null);
        }
    }

    private static int[] Encode(CausalLanguageModel model, ChatTemplate? template, List<ChatMessage> messages)
    {
        Tokenizer tokenizer = model.Tokenizer;
        int[] tokens = template is null ? [.. tokenizer.EncodePrompt(messages[^1].Content)]
            : [.. tokenizer.Encode(template.Render(messages, addGenerationPrompt: true, TextOf(tokenizer, tokenizer.BeginToken), TextOf(tokenizer, tokenizer.EndToken)))];
        return tokens.Length > 0 ? tokens : throw new TailorKVException("the prompt has no tokens", "Give a prompt of some text");
    }

    private static string? TextOf(Tokenizer tokenizer, int? token) => token is { } id ? Encoding.UTF8.GetString(tokenizer.Piece(id)) : null;

    private static TailorKVException TooLong(int tokens, int context, int modelContext, bool planned) => new(
        $"the prompt, with what was said before it, has {tokens} tokens and the {(planned ? "plan's context" : "context")} is {context}",
        planned || tokens > modelContext ? LongerContext.Remedy("Shorten it", tokens, modelContext) : $"Shorten it, or give --context {tokens} or more, up to the {modelContext} the model was made for");

    private string Text(string file) => file == Stdin ? Terminal.ReadInput() : TextFile.Read(file);

    private static long PeakResidentBytes()
    {
        using var process = Process.GetCurrentProcess();
        return process.PeakWorkingSet64;
    }

    private void Summarize(RunResult.Turn turn, Session session)
    {
        Terminal.Output.WriteLine();
        string kept = turn.KeptTokens > 0 ? $" after {turn.KeptTokens} held" : "";
        string decode = turn.DecodeTokensPerSecond is { } speed ? $" at {speed:0.0} a second" : "";
        Terminal.Remark(
            $"prompt: {turn.PromptTokens - turn.KeptTokens} tokens read at {turn.PrefillTokensPerSecond:0.0} a second{kept}; generated: {turn.GeneratedTokens}{decode} ({turn.Stop});"
            + $" device {ByteSize.Format(session.MeasuredDeviceBytes)}, host {ByteSize.Format(session.MeasuredHostBytes)}, the process at most {ByteSize.Format(PeakResidentBytes())}, context {session.Plan.Target.Context}");
    }
}
