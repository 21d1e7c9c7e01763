using TailorKV.Runtime.Sessions;
using TailorKV.Runtime.Verification;

namespace TailorKV.Profiler.Tasks;

/// <summary>Right where the right choice has the largest total log probability of its tokens after the question; the first of equals counts as largest.</summary>
/// <param name="Context">Tokens read as a prompt; at least one.</param>
/// <param name="Question">Tokens after them that are read through the plan's caches; at least one.</param>
/// <param name="Choices">Each choice's tokens; at least one each.</param>
/// <param name="Answer">The right choice's index, from 0.</param>
public sealed record ChoiceTask(int[] Context, int[] Question, IReadOnlyList<int[]> Choices, int Answer) : JudgedTask(Context, Question)
{
    /// <inheritdoc/>
    public override int Tokens => Context.Length + Question.Length + Choices.Max(choice => choice.Length);

    /// <inheritdoc/>
    public override bool IsRight(Session session, IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        double[] scores = Scores(session, progress, cancellation);
        return Array.IndexOf(scores, scores.Max()) == Answer;
    }

    /// <summary>The total log probability of each choice, in nats. The session starts over.</summary>
    /// <inheritdoc cref="JudgedTask.IsRight"/>
    public double[] Scores(Session session, IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        var scores = new double[Choices.Count];
        ReadOnlySpan<float> first = Read(session, progress, cancellation);
        for (int i = 0; i < scores.Length; i++)
            scores[i] = LogProbabilities.Of(first, Choices[i][0]);
        bool choiceRead = false;
        for (int i = 0; i < scores.Length; i++)
        {
            int[] choice = Choices[i];
            if (choice.Length == 1)
                continue;
            // A cache cannot forget: after one choice the text must be read again for the next.
            if (choiceRead)
                Read(session, progress, cancellation);
            choiceRead = true;
            int start = session.Tokens;
            session.Extend(choice.AsSpan(0, choice.Length - 1), (position, logits) => scores[i] += LogProbabilities.Of(logits, choice[position - start + 1]), cancellation);
        }

        return scores;
    }
}
