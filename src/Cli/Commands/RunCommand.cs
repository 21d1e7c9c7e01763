using System.CommandLine;
using System.Diagnostics;
using System.Text;
using TailorKV.Cli.Options;
using TailorKV.Cli.Results;
using TailorKV.Planner;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Profiler;
using TailorKV.Runtime.Generation;
using TailorKV.Runtime.Models;
using TailorKV.Runtime.Sessions;
using TailorKV.Runtime.Tokenizers;

namespace TailorKV.Cli.Commands;

/// <summary>Generates text, under a plan or with every layer in full.</summary>
internal sealed class RunCommand : ToolCommand
{
    private const int DefaultMaxTokens = 256;
    private const int ContextStep = 64;

    private readonly Argument<string> _model = SharedArguments.Model();
    private readonly Option<string?> _plan = new("--plan") { Description = "The plan to hold to. Default: every layer in full, bf16.", HelpName = "PLAN" };
    private readonly Option<string> _prompt = new("--prompt") { Description = "What to answer or to go on from.", HelpName = "TEXT", Required = true };
    private readonly Option<string?> _system = new("--system") { Description = "A system message before the prompt, for models with a chat template.", HelpName = "TEXT" };
    private readonly Option<bool> _raw = new("--raw") { Description = "Go on from the prompt as it is, without the model's chat template, up to an end token that its files name." };
    private readonly CountOption _maxTokens = new("--max-tokens", "Most tokens to generate. Default: 256.");
    private readonly NumberOption _temperature = new("--temperature", "T", "Draw tokens by probability, the logits divided by T. Default: 0, the likeliest.", zeroAllowed: true);
    private readonly CountOption _seed = SharedArguments.Seed("the tokens where the temperature is above 0");
    private readonly CountOption _context = new("--context", "Tokens the session can hold, without a plan. Default: the prompt and --max-tokens.");

    public RunCommand(Terminal terminal)
        : base(
            "run",
            """
            Generates text, written to stdout as it comes; tokens, speed and memory follow on stderr. Where the model has a chat template the prompt is the user's
            message in it. Ends at a token that ends a turn, after --max-tokens, or where the context is full.
            """,
            terminal)
    {
        Add(_model);
        foreach (Option option in new Option[] { _plan, _prompt, _system, _raw, _maxTokens, _temperature, _seed, _context })
            Add(option);
        Validators.Add(result =>
        {
            if (result.GetResult(_plan) is not null && result.GetResult(_context) is not null)
                result.AddError("--context is given by the plan; leave one of the two out.");
            if (result.GetResult(_raw) is not null && result.GetResult(_system) is not null)
                result.AddError("--system needs the chat template that --raw leaves out; leave one of the two out.");
        });
    }

    protected override int Run(ParseResult parse)
    {
        Plan? plan = parse.GetValue(_plan) is { } planPath ? Json.ReadPlan(planPath) : null;
        using CausalLanguageModel model = LoadModel(parse.GetValue(_model)!);
        if (plan is not null)
            model.RequirePlan(plan);
        int maxTokens = parse.GetValue(_maxTokens) ?? DefaultMaxTokens;
        Terminal.Remarks(model.Tokenizer.Remarks);
        IReadOnlyList<int> prompt = Prompt(model, parse);
        int context = plan?.Target.Context ?? parse.GetValue(_context) ?? Context(model, prompt.Count, maxTokens);
        if (prompt.Count > context)
        {
            throw new Runtime.CapacityExceededException(
                $"the prompt has {prompt.Count} tokens and the {(plan is null ? "context" : "plan's context")} is {context}",
                plan is null ? $"Shorten it, or give --context {prompt.Count} or more" : "Shorten it, or make a plan for a longer context with 'tailorkv plan --context'");
        }

        using Session session = model.CreateSession(plan ?? Plan.Uniform(model.Fingerprint, context, new FullPolicy()));
        var sampler = new TokenSampler(parse.GetValue(_temperature) ?? 0, parse.GetValue(_seed) ?? 1);
        RunResult result = Generate(model, session, [.. prompt], maxTokens, sampler, parse.GetValue(_raw), streams: !WantsJson(parse)) with
        {
            Remarks = [.. model.Remarks, .. model.Tokenizer.Remarks],
        };
        if (WantsJson(parse))
            Terminal.Json(result, ResultJsonContext.Default.RunResult);
        else
            Summarize(result);
        return result.Stop == "cancelled" ? ExitCode.Cancelled : ExitCode.Success;
    }

    private static int Context(CausalLanguageModel model, int promptTokens, int maxTokens)
    {
        long wanted = ((long)promptTokens + maxTokens + ContextStep - 1) / ContextStep * ContextStep;
        return (int)Math.Min(wanted, model.Shape.ContextLength);
    }

    private IReadOnlyList<int> Prompt(CausalLanguageModel model, ParseResult parse)
    {
        string text = parse.GetValue(_prompt)!;
        string? system = parse.GetValue(_system);
        Tokenizer tokenizer = model.Tokenizer;
        IReadOnlyList<int> tokens;
        if (!parse.GetValue(_raw) && model.ChatTemplate is { } template)
        {
            List<ChatMessage> messages = [new ChatMessage("user", text)];
            if (system is not null)
                messages.Insert(0, new ChatMessage("system", system));
            tokens = tokenizer.Encode(template.Render(messages, addGenerationPrompt: true, TextOf(tokenizer, tokenizer.BeginToken), TextOf(tokenizer, tokenizer.EndToken)));
        }
        else if (system is not null)
        {
            throw new TailorKVException("--system was given and the model has no chat template", "Write it into the prompt", model.Path);
        }
        else
        {
            tokens = tokenizer.EncodePrompt(text);
        }

        return tokens.Count > 0 ? tokens : throw new TailorKVException("the prompt has no tokens", "Give --prompt some text");
    }

    private static string? TextOf(Tokenizer tokenizer, int? token) => token is { } id ? Encoding.UTF8.GetString(tokenizer.Piece(id)) : null;

    private RunResult Generate(CausalLanguageModel model, Session session, int[] prompt, int maxTokens, TokenSampler sampler, bool raw, bool streams)
    {
        Tokenizer tokenizer = model.Tokenizer;
        IReadOnlyList<int> ends = raw ? tokenizer.EndTokens : tokenizer.TurnEndTokens;
        var clock = Stopwatch.StartNew();
        int token = Terminal.WithProgress(
            progress => sampler.Choose(session.Prefill(prompt, null, WorkProgress.Part(progress, "reading the prompt", 0, 1), Terminal.Cancellation)));
        double prefillSeconds = clock.Elapsed.TotalSeconds;

        clock.Restart();
        var stream = new TokenStream(tokenizer, skipSpecial: true, startsText: !raw && model.ChatTemplate is not null);
        var text = new StringBuilder();
        int generated = 0;
        string? stop = null;
        while (stop is null)
        {
            if (ends.Contains(token))
            {
                stop = "endToken";
                break;
            }

            // Some models have logits for ids that their tokenizer does not know.
            if (token < tokenizer.VocabularySize)
                Emit(stream.Append(token));
            generated++;
            stop = generated == maxTokens ? "maxTokens"
                : session.Tokens == session.Plan.Target.Context ? "contextFull"
                : Terminal.Cancellation.IsCancellationRequested ? "cancelled"
                : null;
            if (stop is null)
                token = sampler.Choose(session.Decode(token));
        }

        double decodeSeconds = clock.Elapsed.TotalSeconds;
        int decoded = session.Tokens - prompt.Length;
        Emit(stream.Finish());
        return new RunResult(
            text.ToString(), stop, session.Plan.Target.Context, prompt.Length, generated, prompt.Length / prefillSeconds,
            decoded > 0 ? decoded / decodeSeconds : null, session.MeasuredDeviceBytes, session.MeasuredHostBytes, []);

        void Emit(string piece)
        {
            text.Append(piece);
            if (!streams)
                return;
            Terminal.Output.Write(piece);
            Terminal.Output.Flush();
        }
    }

    private void Summarize(RunResult result)
    {
        Terminal.Output.WriteLine();
        string decode = result.DecodeTokensPerSecond is { } speed ? $" at {speed:0.0} a second" : "";
        Terminal.Remark(
            $"prompt: {result.PromptTokens} tokens read at {result.PrefillTokensPerSecond:0.0} a second; generated: {result.GeneratedTokens}{decode} ({result.Stop});"
            + $" device {ByteSize.Format(result.DeviceBytes)}, host {ByteSize.Format(result.HostBytes)}, context {result.Context}");
    }
}
