using TailorKV.Planner.Profiles;
using TailorKV.Planner.Solver;

namespace TailorKV.Planner.Plans;

/// <summary>Finds the best plan for a goal under limits, with proof; or says what stands in the way.</summary>
public sealed class PlanBuilder
{
    private readonly ModelProfile _profile;
    private readonly PlanTarget _target;
    private readonly PlanOptions _options;
    private readonly Measures _limits;

    /// <summary>Prepares a plan.</summary>
    /// <param name="profile">What was measured.</param>
    /// <param name="target">The goal and the limits.</param>
    /// <param name="options">What may be chosen besides policies, and constraints of the caller's own; null for the defaults.</param>
    /// <exception cref="TailorKVException">The target, the options or the profile are out of range.</exception>
    public PlanBuilder(ModelProfile profile, PlanTarget target, PlanOptions? options = null)
    {
        (_profile, _target, _options) = (profile, target, options ?? new PlanOptions());
        string? problem = target.Problem() ?? _options.PrefillChunks.Select(PlanTarget.ChunkProblem).FirstOrDefault(problem => problem is not null)
            ?? (_options.PrefillChunks.Count == 0 ? "there is no prefill chunk to choose" : null)
            ?? _options.Constraints.Select(constraint => constraint.Problem()).FirstOrDefault(problem => problem is not null)
            ?? (profile.Problem() is { } profileProblem ? $"profile: {profileProblem}" : null);
        if (problem is not null)
            throw new TailorKVException(problem, "Give limits within these bounds");
        profile.RequireAllLayers();
        _limits = new Measures(
            target.Loss is { } loss ? Measures.Units(loss) : Measures.Unlimited,
            target.DeviceBytes ?? Measures.Unlimited,
            target.HostBytes ?? Measures.Unlimited,
            target.StepSeconds is { } seconds ? (long)Math.Round(seconds * 1e9) : Measures.Unlimited);
    }

    /// <summary>Finds the plan.</summary>
    /// <param name="timeLimit">
    /// The time for all that is solved, after which to settle for the best plan found; the plan's certificate then says feasible. Null for none: the plan does not depend on time.
    /// </param>
    /// <param name="cancellation">Ends the search with nothing.</param>
    /// <exception cref="InfeasiblePlanException">It is proved that no plan holds to the limits; says which binds and the smallest that works.</exception>
    /// <exception cref="NoPlanInTimeException">The time limit came before any plan was found.</exception>
    public Plan Build(TimeSpan? timeLimit = null, CancellationToken cancellation = default)
    {
        using CancellationTokenSource deadline = new(timeLimit ?? Timeout.InfiniteTimeSpan);
        (PlanTarget target, PlanChoice? held) = _target.Goal == PlanGoal.MostContext ? MostContext(deadline.Token, cancellation) : (_target, null);
        PricedProfile priced = Priced(target);
        return Find(priced, target, held, deadline.Token, cancellation) ?? throw Infeasible(priced, deadline.Token, cancellation);
    }

    /// <summary>The plan; null where it is proved that there is none.</summary>
    internal Plan? Find(TimeSpan? timeLimit, CancellationToken cancellation)
    {
        using CancellationTokenSource deadline = new(timeLimit ?? Timeout.InfiniteTimeSpan);
        return Find(Priced(_target), _target, null, deadline.Token, cancellation);
    }

    /// <summary>The whole choice as a mixed-integer program, at the smallest of the prefill chunks, for any other solver (<see cref="MpsFile"/>).</summary>
    /// <exception cref="TailorKVException">The goal is most context, which is a search over programs.</exception>
    public IntegerProgram Program()
    {
        if (_target.Goal == PlanGoal.MostContext)
            throw new TailorKVException("most context is found by many programs, not by one", "Ask for the program at one context, with another goal");
        return new PlanProgram(Priced(_target), _limits, _target.Goal == PlanGoal.FewestBytes ? Measure.Device : Measure.Loss).Program;
    }

    /// <summary>The smallest device limit, in bytes, under which a plan exists that holds to the other limits; null where none does.</summary>
    public long? SmallestDeviceBytes(CancellationToken cancellation = default) =>
        Smallest(Priced(_target), Measure.Device, CancellationToken.None, cancellation)?.Total.Device;

    /// <summary>Solves the same choice at many limits of device bytes.</summary>
    /// <param name="latency">Whether a point is the best of its time too.</param>
    internal FrontierTracer Tracer(bool latency)
    {
        PricedProfile priced = Priced(_target);
        return new FrontierTracer(priced, _limits, Read, cancellation => Infeasible(priced, CancellationToken.None, cancellation));

        Plan Read(PlanChoice choice)
        {
            double? seconds = latency ? choice.Total.Time / 1e9 : _target.StepSeconds;
            PlanTarget target = _target with { DeviceBytes = choice.Total.Device, StepSeconds = seconds };
            return PlanBuilder.Read(priced, choice, target, priced.PrefillChunk) with { Solver = Certificate(choice, Measure.Loss) };
        }
    }

    // More context never takes fewer bytes or less time, so what fits is found by halving. When the time ends, the most context known to fit is settled for, with the choice that does.
    private (PlanTarget Target, PlanChoice Held) MostContext(CancellationToken deadline, CancellationToken cancellation)
    {
        PlanChoice held = Fitting(1) ?? throw Infeasible(Priced(_target with { Context = 1 }), deadline, cancellation);
        int fits = 1, above = _target.Context + 1;
        while (fits + 1 < above && !deadline.IsCancellationRequested)
        {
            int middle = fits + ((above - fits) / 2);
            try
            {
                (fits, above, held) = Fitting(middle) is { } choice ? (middle, above, choice) : (fits, middle, held);
            }
            catch (NoPlanInTimeException)
            {
                break;
            }
        }

        return (_target with { Context = fits }, held);

        PlanChoice? Fitting(int context) => context > 1 && MemoryModel.Problem(_profile.Model.Shape, context, _options.PrefillChunks.Min(), _target.Batch) is not null
            ? null
            : new PlanSearch(Priced(_target with { Context = context }), _limits, Measure.Device, Measure.Loss).Solve(deadline, cancellation);
    }

    private PricedProfile Priced(PlanTarget target) => new(_profile, target, _options, _options.PrefillChunks.Min());

    private Plan? Find(PricedProfile priced, PlanTarget target, PlanChoice? held, CancellationToken deadline, CancellationToken cancellation)
    {
        (Measure objective, Measure tieBreak) = target.Goal == PlanGoal.FewestBytes ? (Measure.Device, Measure.Loss) : (Measure.Loss, Measure.Device);
        if (new PlanSearch(priced, _limits, objective, tieBreak, held).Solve(deadline, cancellation) is not { } choice)
            return null;
        int chunk = target.Goal == PlanGoal.FewestBytes
            ? priced.PrefillChunk
            : _options.PrefillChunks.OrderDescending().First(chunk => chunk == priced.PrefillChunk || Fits(chunk));
        return Read(priced, choice, target, chunk) with { Solver = Certificate(choice, objective) };

        bool Fits(int chunk) => MemoryModel.Problem(_profile.Model.Shape, target.Context, chunk, target.Batch) is null
            && Read(priced, choice, target, chunk).Memory is var memory && memory.Device <= _limits.Device && memory.Host <= _limits.Host;
    }

    private static Plan Read(PricedProfile priced, PlanChoice choice, PlanTarget target, int prefillChunk)
    {
        Plan plan = Plan.From(
            priced.Model(choice.Setting), target, [.. choice.Options.Select(option => option.Policy)], prefillChunk, [.. priced.Profile.Layers.Select(layer => layer.Calibration)]);
        return plan with
        {
            DerivedFrom = priced.Profile.DerivedFrom,
            Layers = [.. choice.Options.Select(option => plan.Layers[option.Layer] with { Loss = option.Option.Loss, LossError = option.Option.LossError })],
            PredictedLoss = choice.Options.Sum(option => option.Option.Loss) + (choice.Setting.Weights?.Loss ?? 0),
            // All were measured on the same windows, so that their errors may all have one sign. A null among them makes the sum null.
            PredictedLossError = choice.Options.Aggregate(choice.Setting.Weights is { } weights ? weights.LossError : 0, (sum, option) => sum + option.Option.LossError),
        };
    }

    private static SolverCertificate Certificate(PlanChoice choice, Measure objective)
    {
        double units = objective == Measure.Loss ? Measures.UnitsPerNat : 1;
        // Neither losses nor bytes are below 0.
        double value = choice.Total[objective] / units, bound = Math.Max(0, choice.Bound / units);
        return choice.Status == SolverStatus.Optimal ? new SolverCertificate("optimal", value, 0) : new SolverCertificate("feasible", bound, value > 0 ? (value - bound) / value : 0);
    }

    private InfeasiblePlanException Infeasible(PricedProfile priced, CancellationToken deadline, CancellationToken cancellation)
    {
        try
        {
            return Explained(priced, deadline, cancellation);
        }
        catch (NoPlanInTimeException)
        {
            return new InfeasiblePlanException(
                "undecided", $"no plan keeps {priced.Context} tokens under these limits, and the time given ended before it was found which of them binds", "Give more time (--time-limit) or looser limits", null);
        }
    }

    private InfeasiblePlanException Explained(PricedProfile priced, CancellationToken deadline, CancellationToken cancellation)
    {
        long fixedBytes = priced.Settings.Min(setting => setting.Fixed.Device);
        foreach (Measure measure in new[] { Measure.Device, Measure.Host, Measure.Time, Measure.Loss })
        {
            if (_limits[measure] == Measures.Unlimited || Smallest(priced, measure, deadline, cancellation) is not { } choice)
                continue;
            // A smallest that is not proved is none.
            if (choice.Status != SolverStatus.Optimal)
                throw new NoPlanInTimeException();
            long smallest = choice.Total[measure];
            string what = $"no plan keeps {priced.Context} tokens";
            return measure switch
            {
                Measure.Device => new InfeasiblePlanException(
                    "device",
                    $"{what} within {_limits.Device} device bytes ({ByteSize.Format(_limits.Device)}): weights, activations and logits alone take {fixedBytes}, and the smallest plan"
                    + $"{Others("device")} takes {smallest} ({ByteSize.Format(smallest)})",
                    $"Give at least --vram {smallest}, or a shorter context", smallest),
                Measure.Host => new InfeasiblePlanException(
                    "host", $"{what} within {_limits.Host} host bytes ({ByteSize.Format(_limits.Host)}): the smallest{Others("host")} takes {smallest} ({ByteSize.Format(smallest)})",
                    $"Give at least --host {smallest}, or a shorter context", smallest),
                Measure.Time => new InfeasiblePlanException(
                    "time", FormattableString.Invariant($"{what} at {_limits.Time / 1e6} ms a token: the quickest plan{Others("time")} takes {smallest / 1e6} ms"),
                    FormattableString.Invariant($"Give at least --step-ms {smallest / 1e6}, or a shorter context"), smallest / 1e9),
                _ => new InfeasiblePlanException(
                    "loss", FormattableString.Invariant($"{what} at a loss of {_limits.Loss / Measures.UnitsPerNat} nats per token: the least{Others("loss")} is {smallest / Measures.UnitsPerNat}"),
                    FormattableString.Invariant($"Give at least --loss {smallest / Measures.UnitsPerNat}, or more of the other limits"), smallest / Measures.UnitsPerNat),
            };
        }

        return new PlanSearch(priced, Measures.None, Measure.Device, Measure.Loss).Solve(deadline, cancellation) is null
            ? new InfeasiblePlanException(
                "constraints", $"no plan holds to {string.Join(" and ", _options.Constraints.Select(constraint => $"'{constraint.Name}'"))}, whatever the limits", "Loosen the constraints", null)
            : new InfeasiblePlanException(
                "several", $"no plan keeps {priced.Context} tokens under these limits, whichever one of them is lifted", "Loosen more than one of them, or give a shorter context", null);
    }

    private string Others(string but)
    {
        string[] others = [.. new[] { ("device", _target.DeviceBytes is null), ("host", _target.HostBytes is null), ("time", _target.StepSeconds is null), ("loss", _target.Loss is null) }
            .Where(limit => !limit.Item2 && limit.Item1 != but).Select(limit => limit.Item1)];
        return others.Length == 0 ? "" : $" under the {string.Join(" and ", others)} limit{(others.Length > 1 ? "s" : "")}";
    }

    private PlanChoice? Smallest(PricedProfile priced, Measure measure, CancellationToken deadline, CancellationToken cancellation) =>
        new PlanSearch(priced, _limits.With(measure, Measures.Unlimited), measure, measure == Measure.Device ? Measure.Loss : Measure.Device).Solve(deadline, cancellation);
}
