using TailorKV.Planner;
using TailorKV.Planner.Plans;

namespace TailorKV.Profiler.Speed;

/// <summary>What to time in a session.</summary>
public sealed record SpeedRequest
{
    /// <summary>Tokens of the prompt that is read into an empty cache; 0 to time no prompt.</summary>
    public int Prompt { get; init; } = 512;

    /// <summary>Tokens in the cache before the first is decoded; one at least is put there.</summary>
    public int Depth { get; init; }

    /// <summary>Tokens decoded one by one in each run; 0 to time no decoding.</summary>
    public int Generated { get; init; } = 64;

    /// <summary>Runs of which the median counts, after one more that does not count.</summary>
    public int Repetitions { get; init; } = 3;

    /// <summary>Seconds of work before the first run, so that the just-in-time compiler is done with it; some tokens at least.</summary>
    public double WarmUpSeconds { get; init; } = 2;

    /// <summary>Draws the tokens.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>
    /// Whether the depth is filled with drawn keys and values in place of reading so many tokens, which takes time that grows with their square. What decoding costs
    /// depends on how many they are, not on what they are.
    /// </summary>
    public bool FillsDepth { get; init; }

    /// <summary>Tokens that a session must be able to hold: all runs of decoding go on after one another.</summary>
    public long Context => Math.Max(Math.Max(1, Prompt), Generated == 0 ? 0 : Math.Max(1, Depth) + ((long)Generated * (Repetitions + 1)));

    /// <summary>Checks that a plan's sessions can hold what is to be timed.</summary>
    /// <param name="plan">The plan.</param>
    /// <exception cref="TailorKVException">They cannot.</exception>
    public void RequireContext(Plan plan)
    {
        if (Context <= plan.Target.Context)
            return;
        throw new TailorKVException(
            $"a prompt of {Prompt} tokens, and a depth of {Math.Max(1, Depth)} with {Repetitions + 1} runs of {Generated} decoded tokens, need a context of {Context}; the plan's is {plan.Target.Context}",
            LongerContext.Remedy("Give fewer tokens", Context, plan.Model.Shape.ContextLength));
    }
}
