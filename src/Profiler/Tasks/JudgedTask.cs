using TailorKV.Runtime.Sessions;

namespace TailorKV.Profiler.Tasks;

/// <summary>Something asked of a model after a text, whose answer is right or wrong.</summary>
/// <param name="Context">Tokens read as a prompt; at least one.</param>
/// <param name="Question">Tokens after them that are read through the plan's caches, as if they had been generated; at least one.</param>
public abstract record JudgedTask(int[] Context, int[] Question)
{
    /// <summary>Tokens that a session must be able to hold.</summary>
    public abstract int Tokens { get; }

    /// <summary>Asks. The session starts over.</summary>
    /// <param name="session">The session, with room for <see cref="Tokens"/>.</param>
    /// <param name="progress">Told the share done, 0 to 1.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <returns>Whether the answer is right.</returns>
    public abstract bool IsRight(Session session, IProgress<double>? progress = null, CancellationToken cancellation = default);

    /// <summary>Reads context and question into a session that starts over.</summary>
    /// <returns>Logits for the first token of an answer, [vocabulary]; valid until the session's next call.</returns>
    private protected ReadOnlySpan<float> Read(Session session, IProgress<double>? progress, CancellationToken cancellation)
    {
        session.Prefill(Context, null, progress, cancellation);
        session.Extend(Question.AsSpan(0, Question.Length - 1), null, cancellation);
        return session.Decode(Question[^1]);
    }
}
