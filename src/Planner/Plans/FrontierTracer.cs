namespace TailorKV.Planner.Plans;

/// <summary>Solves one priced profile at many limits of device bytes.</summary>
/// <param name="priced">What to choose from.</param>
/// <param name="limits">Limits of all points.</param>
/// <param name="read">Makes a plan of a choice.</param>
/// <param name="infeasible">Explains that nothing holds to the limits.</param>
internal sealed class FrontierTracer(PricedProfile priced, Measures limits, Func<PlanChoice, Plan> read, Func<CancellationToken, InfeasiblePlanException> infeasible)
{
    public Plan Read(PlanChoice choice) => read(choice);

    /// <summary>The choice that makes least of one measure under the limits of all points and one of time.</summary>
    public PlanChoice Best(Measure objective, long time, CancellationToken cancellation) =>
        Solve(objective, objective == Measure.Device ? Measure.Loss : Measure.Device, limits with { Time = Math.Min(limits.Time, time) }, cancellation) ?? throw infeasible(cancellation);

    /// <summary>Choices of falling loss and rising bytes.</summary>
    public IReadOnlyList<PlanChoice> Curve(long time, int points, IProgress<double>? progress, CancellationToken cancellation)
    {
        var found = new List<PlanChoice> { Best(Measure.Device, time, cancellation) };
        PlanChoice best = Best(Measure.Loss, time, cancellation);
        if (best.Total.Device > found[0].Total.Device)
            found.Add(best);

        // Between two neighbours a plan takes more bytes than the lower end, and at most one byte less than the right neighbour.
        var lowerEnds = new List<long> { found[0].Total.Device };
        while (found.Count < points)
        {
            progress?.Report((double)found.Count / points);
            int widest = Enumerable.Range(0, found.Count - 1).Where(i => found[i + 1].Total.Device - lowerEnds[i] > 1).Select(i => (int?)i).MaxBy(i => Width(i!.Value)) ?? -1;
            if (widest < 0)
                break;
            long budget = Math.Clamp((long)Math.Sqrt((double)lowerEnds[widest] * found[widest + 1].Total.Device), lowerEnds[widest] + 1, found[widest + 1].Total.Device - 1);
            PlanChoice choice = Solve(Measure.Loss, Measure.Device, limits with { Time = Math.Min(limits.Time, time), Device = budget }, cancellation)!;
            if (choice.Total.Device <= found[widest].Total.Device)
            {
                lowerEnds[widest] = budget;
                continue;
            }

            found.Insert(widest + 1, choice);
            lowerEnds.Insert(widest + 1, budget);
        }

        return found;

        double Width(int i) =>
            Math.Log((double)found[i + 1].Total.Device / lowerEnds[i]) * (0.01 + Math.Log(Positive(found[i].Total.Loss) / Positive(found[i + 1].Total.Loss)));

        // A measured loss may be a little below 0.
        static double Positive(long loss) => 1.0 + Math.Max(0, loss);
    }

    private PlanChoice? Solve(Measure objective, Measure tieBreak, Measures under, CancellationToken cancellation) =>
        new PlanSearch(priced, under, objective, tieBreak).Solve(CancellationToken.None, cancellation);
}
