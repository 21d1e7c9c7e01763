using System.Diagnostics;
using TailorKV.Planner.Profiles;

namespace TailorKV.Planner.Plans;

/// <summary>What a limit of a plan does: whether it binds, and what a little more or less of it would change.</summary>
public sealed record LimitEffect
{
    /// <summary>Which limit: device, host, time or loss.</summary>
    public required string Limit { get; init; }

    /// <summary>The limit, in bytes, seconds for a decoded token, or nats per token.</summary>
    public required double Value { get; init; }

    /// <summary>What the plan takes of it.</summary>
    public required double Used { get; init; }

    /// <summary>Whether the best plan without the limit is better: of less loss, or of fewer bytes where the goal is fewest bytes. Null where the time given ended before that was found.</summary>
    public required bool? Binds { get; init; }

    /// <summary>How much more and less was tried, in the limit's unit.</summary>
    public required double Step { get; init; }

    /// <summary>The best plan with that much more; null where the time given ended first.</summary>
    public required Plan? WithMore { get; init; }

    /// <summary>The best plan with that much less; null where there is none, or the time given ended first.</summary>
    public required Plan? WithLess { get; init; }

    /// <summary>Solves anew under changed limits, one at a time, everything else as it was.</summary>
    /// <param name="profile">The profile that the plan was made from.</param>
    /// <param name="plan">The plan.</param>
    /// <param name="options">What was given to the planner; null for the defaults with the plan's own prefill chunk.</param>
    /// <param name="deviceStep">Device bytes to add and take away; null for 1 GiB, or a tenth of the limit where that is less.</param>
    /// <param name="timeLimit">The time for all of it; what it does not suffice for is left out. Null for none.</param>
    /// <param name="cancellation">Ends the work with nothing.</param>
    /// <returns>One effect for each limit that the plan has.</returns>
    /// <exception cref="TailorKVException">The profile is of another model.</exception>
    public static IReadOnlyList<LimitEffect> Of(
        ModelProfile profile, Plan plan, PlanOptions? options = null, long? deviceStep = null, TimeSpan? timeLimit = null, CancellationToken cancellation = default)
    {
        if (!profile.Model.Shape.Equals(plan.Model.Shape))
            throw new TailorKVException($"the profile is of {profile.Model.Name}, and the plan is for {plan.Model.Name}", "Give the profile that the plan was made from");
        long start = Stopwatch.GetTimestamp();
        options ??= new PlanOptions { PrefillChunks = [plan.PrefillChunk], AnyWeights = plan.Model.WeightsHash != profile.Model.WeightsHash };
        PlanTarget target = plan.Target with { Goal = plan.Target.Goal == PlanGoal.FewestBytes ? PlanGoal.FewestBytes : PlanGoal.LeastLoss };
        LimitEffect?[] effects =
        [
            Effect("device", target.DeviceBytes, plan.Memory.Device, deviceStep ?? Math.Min(1L << 30, (target.DeviceBytes ?? 0) / 10), bytes => target with { DeviceBytes = (long?)bytes }),
            Effect("host", target.HostBytes, plan.Memory.Host, Math.Min(1L << 30, (target.HostBytes ?? 0) / 10), bytes => target with { HostBytes = (long?)bytes }),
            Effect("time", target.StepSeconds, (plan.Time?.TotalNanoseconds ?? 0) / 1e9, 0.1 * target.StepSeconds ?? 0, seconds => target with { StepSeconds = seconds }),
            Effect("loss", target.Loss, plan.PredictedLoss ?? 0, 0.1 * target.Loss ?? 0, loss => target with { Loss = loss }),
        ];
        return [.. effects.OfType<LimitEffect>()];

        LimitEffect? Effect(string name, double? limit, double used, double step, Func<double?, PlanTarget> with)
        {
            if (limit is not { } value)
                return null;
            bool decided = TryBest(with(null), out Plan? without) & TryBest(with(value + step), out Plan? more);
            Plan? less = null;
            decided = decided && (step > value || TryBest(with(value - step), out less));
            return new LimitEffect
            {
                Limit = name,
                Value = value,
                Used = used,
                Binds = decided ? Better(without!, plan) : null,
                Step = step,
                WithMore = decided ? more : null,
                WithLess = decided ? less : null,
            };
        }

        // Whether it is decided, be it that there is none.
        bool TryBest(PlanTarget changed, out Plan? best)
        {
            best = null;
            try
            {
                best = new PlanBuilder(profile, changed, options).Find(Left(), cancellation);
                return best is null || best.Solver!.Status == "optimal";
            }
            catch (NoPlanInTimeException)
            {
                return false;
            }
        }

        TimeSpan? Left() => timeLimit is not { } limit ? null : Stopwatch.GetElapsedTime(start) is var spent && spent < limit ? limit - spent : TimeSpan.Zero;

        bool Better(Plan other, Plan than) => target.Goal == PlanGoal.FewestBytes
            ? other.Memory.Device < than.Memory.Device
            : Measures.Units(other.PredictedLoss ?? 0) < Measures.Units(than.PredictedLoss ?? 0);
    }
}
