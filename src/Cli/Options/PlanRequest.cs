using TailorKV.Cli.Output;
using TailorKV.Planner;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Profiles;

namespace TailorKV.Cli.Options;

/// <summary>What a plan is asked for, its device limit perhaps a share of the full KV cache.</summary>
internal sealed record PlanRequest(ModelProfile Profile, PlanTarget Target, PlanOptions Options, SizeLimit? Vram)
{
    /// <summary>A request of limits that may be shares of the full KV cache.</summary>
    /// <param name="profile">What was measured.</param>
    /// <param name="target">The target without limits of memory.</param>
    /// <param name="options">What may be chosen besides policies.</param>
    /// <param name="vram">A share limits caches and staging, and weights, activations and logits come on top; a size limits all device bytes.</param>
    /// <param name="host">All host bytes.</param>
    /// <exception cref="TailorKVException">A share is asked for where it has no meaning.</exception>
    public static PlanRequest Of(ModelProfile profile, PlanTarget target, PlanOptions options, SizeLimit? vram, SizeLimit? host = null)
    {
        if ((vram?.Share ?? host?.Share) is not null && (target.Goal == PlanGoal.MostContext || options.AnyWeights || options.PrefillChunks.Count > 1))
        {
            throw new TailorKVException(
                "a share of the full KV cache is no limit where the context, the weights or the chunk are still to be chosen", "Give --vram and --host as sizes, as in 24GiB");
        }

        long full = profile.Model.Shape.FullCacheBytes(target.Context) * target.Batch;
        return new PlanRequest(
            profile,
            target with { DeviceBytes = vram?.Bytes ?? (FixedBytes(profile, target, options) + vram?.Resolve(full)), HostBytes = host?.Resolve(full) },
            options, vram);
    }

    /// <summary>What the full bf16 cache takes.</summary>
    public long FullBytes => Profile.Model.Shape.FullCacheBytes(Target.Context) * Target.Batch;

    /// <summary>Device bytes that no choice of policies changes.</summary>
    public long Fixed => FixedBytes(Profile, Target, Options);

    /// <summary>Finds the plan.</summary>
    /// <exception cref="InfeasiblePlanException">Nothing fits; says the smallest limit that works, as a share too where one was asked for.</exception>
    public Plan Build(TimeSpan? timeLimit, CancellationToken cancellation)
    {
        try
        {
            return new PlanBuilder(Profile, Target, Options).Build(timeLimit, cancellation);
        }
        catch (InfeasiblePlanException e) when (e is { Limit: "device", SmallestBytes: { } smallest } && Vram is { Share: not null } vram)
        {
            decimal percent = Math.Ceiling((decimal)(smallest - Fixed) / FullBytes * 10_000) / 100;
            throw new InfeasiblePlanException(
                e.Limit,
                $"no plan keeps {Target.Context} tokens within {vram} of the full KV cache ({Show.Bytes(vram.Resolve(FullBytes))} of {Show.Bytes(FullBytes)}): the smallest plan's caches and staging take"
                + $" {Show.Bytes(smallest - Fixed)}, and with weights, activations and logits {Show.Bytes(smallest)}",
                $"Give at least --vram {percent:0.##}% (or --vram {smallest}), or a shorter context", smallest);
        }
    }

    private static long FixedBytes(ModelProfile profile, PlanTarget target, PlanOptions options) =>
        MemoryModel.Predict(profile.Model.Shape, profile.Model.WeightBytes, [], target.Context, options.PrefillChunks[0], target.Batch).FixedDevice;
}
