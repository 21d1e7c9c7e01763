using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using TailorKV.Cli.Output;
using TailorKV.Cli.Results;
using TailorKV.Profiler;
using TailorKV.Runtime.Generation;
using TailorKV.Runtime.Sessions;
using TailorKV.Runtime.Tokenizers;

namespace TailorKV.Cli.Commands;

/// <summary>Writes a model's answers to prompts of which each goes on from the one before and its answer, in one session.</summary>
/// <param name="tokenizer">The model's.</param>
/// <param name="session">The session.</param>
/// <param name="sampler">Chooses tokens.</param>
/// <param name="raw">Whether only the end tokens that the model's files name end an answer, not all that end a turn.</param>
/// <param name="startsText">As in <see cref="TokenStream"/>.</param>
/// <param name="maxTokens">The most tokens of an answer.</param>
/// <param name="terminal">Where answers go.</param>
/// <param name="streams">Whether they are written as they come.</param>
internal sealed class AnswerWriter(Tokenizer tokenizer, Session session, TokenSampler sampler, bool raw, bool startsText, int maxTokens, Terminal terminal, bool streams)
{
    // What the session's caches hold, in order.
    private readonly List<int> _held = [];
    private readonly IReadOnlyList<int> _ends = raw ? tokenizer.EndTokens : tokenizer.TurnEndTokens;

    /// <summary>Reads a prompt, or what it adds to what was read and written before, and answers.</summary>
    /// <param name="prompt">All tokens before the answer, which the session has room for.</param>
    public RunResult.Turn Answer(int[] prompt)
    {
        var clock = Stopwatch.StartNew();
        // A cache cannot forget: where the prompt is not what it holds and more, all is read again.
        int kept = _held.Count < prompt.Length && prompt.AsSpan().StartsWith(CollectionsMarshal.AsSpan(_held)) ? _held.Count : 0;
        int token = terminal.WithProgress(progress => Read(prompt, kept, WorkProgress.Part(progress, "reading the prompt", 0, 1)));
        double prefillSeconds = clock.Elapsed.TotalSeconds;
        _held.Clear();
        _held.AddRange(prompt);

        clock.Restart();
        var stream = new TokenStream(tokenizer, skipSpecial: true, startsText);
        var text = new StringBuilder();
        int generated = 0;
        string? stop = null;
        while (stop is null)
        {
            if (_ends.Contains(token))
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
                : terminal.Cancellation.IsCancellationRequested ? "cancelled"
                : null;
            if (stop is not null)
                break;
            _held.Add(token);
            token = sampler.Choose(session.Decode(token));
        }

        double decodeSeconds = clock.Elapsed.TotalSeconds;
        int decoded = session.Tokens - prompt.Length;
        Emit(stream.Finish());
        return new RunResult.Turn(
            text.ToString(), stop, prompt.Length, kept, generated, (prompt.Length - kept) / prefillSeconds, decoded > 0 ? decoded / decodeSeconds : null);

        void Emit(string piece)
        {
            text.Append(piece);
            if (streams)
                terminal.Piece(piece);
        }
    }

    private int Read(int[] prompt, int kept, IProgress<double>? progress)
    {
        if (kept == 0)
            return sampler.Choose(session.Prefill(prompt, null, progress, terminal.Cancellation));
        session.Extend(prompt.AsSpan(kept, prompt.Length - kept - 1), null, terminal.Cancellation);
        return sampler.Choose(session.Decode(prompt[^1]));
    }
}
