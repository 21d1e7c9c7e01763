namespace TailorKV.Profiler.Verification;

/// <summary>What to judge a plan on.</summary>
public sealed record VerificationRequest
{
    /// <summary>Tokens of context before those that are judged; null for as many as the plan's context leaves.</summary>
    public int? Context { get; init; }

    /// <summary>Tokens decoded after the context and judged, in each window.</summary>
    public int Tail { get; init; } = 64;

    /// <summary>Windows of text; null for as many as make about 8,192 tokens, 1 to 4.</summary>
    public int? Windows { get; init; }

    /// <summary>Passages with hidden facts, where the model has such a task.</summary>
    public int Passages { get; init; } = 20;

    /// <summary>Passages with facts at given depths, for any model with text; null for none.</summary>
    public NeedleGrid? NeedleGrid { get; init; }

    /// <summary>Files of tasks, as <see cref="Tasks.TaskFile"/> reads them.</summary>
    public IReadOnlyList<string> TaskFiles { get; init; } = [];

    /// <summary>Draws windows and passages.</summary>
    public int Seed { get; init; } = 1;
}
