using TailorKV.Runtime.Sessions;

namespace TailorKV.Runtime.Backends;

/// <summary>Time that a session has spent in each part of the model. What is in none of them: looking tokens up, copying, and coding a prompt into the caches.</summary>
/// <param name="Projections">Queries, keys, values and the attention's output, with their norm and rotation.</param>
/// <param name="Attention">Attention; in decoding also the caches' taking in of the new token.</param>
/// <param name="FeedForward">The feed-forward with its norm.</param>
/// <param name="OutputHead">Logits with their norm; not those of <see cref="Session.PromptLogits"/> and <see cref="Session.Extend"/>.</param>
public readonly record struct StepTimes(TimeSpan Projections, TimeSpan Attention, TimeSpan FeedForward, TimeSpan OutputHead)
{
    /// <summary>All parts together.</summary>
    public TimeSpan Total => Projections + Attention + FeedForward + OutputHead;

    /// <summary>The time between two readings.</summary>
    public static StepTimes operator -(StepTimes later, StepTimes earlier) => new(
        later.Projections - earlier.Projections, later.Attention - earlier.Attention, later.FeedForward - earlier.FeedForward, later.OutputHead - earlier.OutputHead);

    /// <summary>The same as the operator.</summary>
    public static StepTimes Subtract(StepTimes later, StepTimes earlier) => later - earlier;
}
