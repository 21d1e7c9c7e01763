namespace TailorKV.Planner.Plans;

/// <summary>What the planner may choose besides policies, and conditions of the caller's own.</summary>
public sealed record PlanOptions
{
    /// <summary>The chunks that <see cref="AnyChunk"/> allows.</summary>
    public static IReadOnlyList<int> AnyChunk { get; } = [64, 128, 256, 512, 1024, 2048, 4096];

    /// <summary>
    /// Tokens that may be processed at once while the prompt is read. Fewer take fewer activations, more read the prompt faster, and none changes the loss: of
    /// these the largest is taken that costs no loss, or the smallest where the goal is fewest bytes.
    /// </summary>
    public IReadOnlyList<int> PrefillChunks { get; init; } = [PlanTarget.DefaultPrefillChunk];

    /// <summary>Whether the plan may take other weights that the profile has measured, of lower precision, in place of those profiled.</summary>
    public bool AnyWeights { get; init; }

    /// <summary>Conditions of the caller's own.</summary>
    public IReadOnlyList<PlanConstraint> Constraints { get; init; } = [];
}
