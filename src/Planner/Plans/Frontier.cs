using TailorKV.Planner.Profiles;

namespace TailorKV.Planner.Plans;

/// <summary>The trade-off between device bytes and predicted loss and, where it is asked for, the time of a decoded token: plans of which none is beaten in all of them.</summary>
public static class Frontier
{
    /// <summary>
    /// Traces the frontier from the smallest plan to the best there is. Every point is an optimum with proof: a plan asked for under exactly its bytes (and its time)
    /// has the same loss and bytes. Points go where the curve is least known, bytes and loss both counted by their logarithms.
    /// </summary>
    /// <param name="profile">What was measured.</param>
    /// <param name="target">Context, batch and machine, and limits that every point holds to. Its goal is not looked at.</param>
    /// <param name="options">Weights and constraints; of its prefill chunks the smallest is used.</param>
    /// <param name="points">The most points, at least 2.</param>
    /// <param name="latency">Whether a plan of more bytes and loss counts too if it is faster. Needs the target's machine.</param>
    /// <param name="progress">Told the share that is done, 0 to 1.</param>
    /// <param name="cancellation">Ends the search with nothing.</param>
    /// <returns>Plans from the fewest device bytes to the most.</returns>
    /// <exception cref="InfeasiblePlanException">No plan holds to the target's limits.</exception>
    /// <exception cref="TailorKVException">The target is out of range.</exception>
    public static IReadOnlyList<Plan> Trace(
        ModelProfile profile, PlanTarget target, PlanOptions? options = null, int points = 50, bool latency = false, IProgress<double>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(points, 2);
        var tracer = new PlanBuilder(profile, target with { Goal = PlanGoal.LeastLoss }, options).Tracer(latency);
        if (!latency)
            return [.. tracer.Curve(Measures.Unlimited, points, progress, cancellation).Select(tracer.Read)];
        if (target.Machine is null)
            throw new TailorKVException("times cannot be traced without a machine", "Give the target's machine, as in --machine h100");

        // Between the time of the best plan and the shortest there is, each limit has a curve of its own.
        int curves = Math.Max(2, (int)Math.Sqrt(points / 2.0));
        long slowest = tracer.Best(Measure.Loss, Measures.Unlimited, cancellation).Total.Time, quickest = tracer.Best(Measure.Time, Measures.Unlimited, cancellation).Total.Time;
        var all = new List<PlanChoice>();
        for (int i = 0; i < curves; i++)
        {
            long limit = i == 0 ? Measures.Unlimited : (long)Math.Ceiling(slowest * Math.Pow((double)quickest / slowest, i / (curves - 1.0)));
            int share = ((points * (i + 1)) / curves) - (points * i / curves);
            all.AddRange(tracer.Curve(Math.Max(limit, quickest), Math.Max(2, share), Part(progress, i, curves), cancellation));
        }

        return
        [
            .. all.Where((choice, i) => !all.Where((other, j) => Beats(other.Total, choice.Total, j < i)).Any()).OrderBy(choice => choice.Total.Device).ThenByDescending(choice => choice.Total.Loss)
                .Take(points).Select(tracer.Read),
        ];
    }

    private static bool Beats(Measures a, Measures b, bool first) =>
        a.Device <= b.Device && a.Loss <= b.Loss && a.Time <= b.Time && (first || (a.Device, a.Loss, a.Time) != (b.Device, b.Loss, b.Time));

    private static Progress? Part(IProgress<double>? progress, int part, int parts) => progress is null ? null : new Progress(progress, part, parts);

    private sealed class Progress(IProgress<double> whole, int part, int parts) : IProgress<double>
    {
        public void Report(double value) => whole.Report((part + value) / parts);
    }
}
