using System.Numerics.Tensors;
using TailorKV.Runtime.Sessions;

namespace TailorKV.Profiler.Tasks;

/// <summary>Right where greedy decoding after the question gives exactly the answer's tokens.</summary>
/// <param name="Context">Tokens read as a prompt; at least one.</param>
/// <param name="Question">Tokens after them that are read through the plan's caches; at least one.</param>
/// <param name="Answer">The right answer's tokens; at least one.</param>
public sealed record ExactMatchTask(int[] Context, int[] Question, int[] Answer) : JudgedTask(Context, Question)
{
    /// <inheritdoc/>
    public override int Tokens => Context.Length + Question.Length + Answer.Length;

    /// <summary>Whether greedy decoding gives the answer's token, after right ones before it.</summary>
    /// <param name="index">The token's index in the answer, from 0.</param>
    /// <param name="logits">Logits for it, [vocabulary].</param>
    public bool Follows(int index, ReadOnlySpan<float> logits) => TensorPrimitives.IndexOfMax(logits) == Answer[index];

    /// <inheritdoc/>
    public override bool IsRight(Session session, IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        bool right = Follows(0, Read(session, progress, cancellation));
        for (int i = 1; right && i < Answer.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            right = Follows(i, session.Decode(Answer[i - 1]));
        }

        return right;
    }
}
