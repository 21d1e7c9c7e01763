using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;
using TailorKV.Planner.Solver;

namespace TailorKV.Planner.Plans;

/// <summary>
/// Finds the plan of least predicted loss under the limits, and among equals the one of fewest device bytes. The program has a binary for each
/// layer and option, exactly one of each layer's being chosen. The staging buffer, a maximum over layers, and the buffer of predicted queries,
/// there when any layer needs it, are levels: exactly one staging level is chosen, and an option is allowed by a level that holds it.
/// </summary>
public sealed class PlanBuilder
{
    private readonly ModelProfile _profile;
    private readonly PlanTarget _target;
    private readonly int _prefillChunk;
    private readonly List<(int Layer, MeasuredOption Option, CacheBytes Bytes, bool Predicts)> _choices = [];
    private readonly long[] _stagingLevels;
    private readonly MemoryBreakdown _fixed;
    private readonly long _predictionBytes;

    /// <summary>Prices the profile's options at the target's context.</summary>
    /// <param name="profile">What was measured.</param>
    /// <param name="target">The limits.</param>
    /// <param name="prefillChunk">Tokens processed at once.</param>
    /// <exception cref="TailorKVException">The target is out of range.</exception>
    public PlanBuilder(ModelProfile profile, PlanTarget target, int prefillChunk = PlanTarget.DefaultPrefillChunk)
    {
        if ((target.Problem() ?? PlanTarget.ChunkProblem(prefillChunk)) is { } problem)
            throw new TailorKVException(problem, "Give limits within these bounds");
        (_profile, _target, _prefillChunk) = (profile, target, prefillChunk);
        var shape = profile.Model.Shape;
        for (int layer = 0; layer < shape.Layers; layer++)
        {
            var options = profile.Layers[layer].Options.Select(option =>
                (layer, option, option.Policy.Bytes(shape.Layer(layer), target.Context), MemoryModel.PredictsQueries([option.Policy]))).ToList();
            _choices.AddRange(options.Where((option, i) => !options.Where((other, j) => Dominates(other, option, j < i)).Any()));
        }

        _stagingLevels = [.. _choices.Select(choice => choice.Bytes.Staging).Append(0).Distinct().Order()];
        _fixed = MemoryModel.Predict(shape, profile.Model.WeightBytes, [], target.Context, prefillChunk);
        LayerPolicy[] predicting = [.. _choices.Where(choice => choice.Predicts).Select(choice => choice.Option.Policy).Take(1)];
        _predictionBytes = MemoryModel.Predict(shape, profile.Model.WeightBytes, predicting, target.Context, prefillChunk).Activations - _fixed.Activations;
    }

    /// <summary>Finds the plan.</summary>
    /// <param name="timeLimit">Ends the search with the best plan found; null for none.</param>
    /// <param name="cancellation">Ends the search with nothing.</param>
    /// <exception cref="InfeasiblePlanException">No plan holds to the limits; says which binds and the smallest that works.</exception>
    /// <exception cref="SolverUnavailableException">CBC is not installed.</exception>
    public Plan Build(TimeSpan? timeLimit = null, CancellationToken cancellation = default)
    {
        IntegerProgram program = Program(_target.DeviceBytes, _target.HostBytes);
        Solution solution = CbcSolver.SolveLexicographic(program, DeviceObjective(program), timeLimit, cancellation);
        return solution.HasValues ? Read(solution) : throw Infeasible(solution.Status, timeLimit, cancellation);
    }

    /// <summary>The smallest device limit, in bytes, under which a plan exists that holds to the host limit; null where none does.</summary>
    public long? SmallestDeviceBytes(CancellationToken cancellation = default) => Smallest(null, _target.HostBytes, device: true, cancellation);

    // An option that another of its layer beats or equals in all that counts is never needed; without them the search is many times shorter.
    private static bool Dominates(
        (int Layer, MeasuredOption Option, CacheBytes Bytes, bool Predicts) a, (int Layer, MeasuredOption Option, CacheBytes Bytes, bool Predicts) b, bool first)
    {
        bool noWorse = a.Option.Loss <= b.Option.Loss && a.Bytes.Device <= b.Bytes.Device && a.Bytes.Host <= b.Bytes.Host
            && a.Bytes.Staging <= b.Bytes.Staging && (!a.Predicts || b.Predicts);
        bool equal = a.Option.Loss == b.Option.Loss && a.Bytes == b.Bytes && a.Predicts == b.Predicts;
        return noWorse && (!equal || first);
    }

    private IntegerProgram Program(long? deviceBytes, long? hostBytes)
    {
        var program = new IntegerProgram();
        for (int i = 0; i < _choices.Count; i++)
            program.AddBinary(_choices[i].Option.Loss, $"layer{_choices[i].Layer}:{i}");
        int firstLevel = program.Variables.Count;
        foreach (long level in _stagingLevels)
            program.AddBinary(0, $"staging:{level}");
        int predicts = program.AddBinary(0, "predictedQueries");

        foreach (var layer in Enumerable.Range(0, _choices.Count).GroupBy(i => _choices[i].Layer))
            program.AddConstraint($"layer{layer.Key}", layer.Select(i => new Term(i, 1)), ConstraintSense.Equal, 1);
        program.AddConstraint("staging", Enumerable.Range(firstLevel, _stagingLevels.Length).Select(i => new Term(i, 1)), ConstraintSense.Equal, 1);
        for (int i = 0; i < _choices.Count; i++)
        {
            if (_choices[i].Bytes.Staging > 0)
            {
                var levels = Enumerable.Range(0, _stagingLevels.Length).Where(level => _stagingLevels[level] >= _choices[i].Bytes.Staging);
                program.AddConstraint($"staging:{i}", [new Term(i, 1), .. levels.Select(level => new Term(firstLevel + level, -1))], ConstraintSense.AtMost, 0);
            }

            if (_choices[i].Predicts)
                program.AddConstraint($"predicts:{i}", [new Term(i, 1), new Term(predicts, -1)], ConstraintSense.AtMost, 0);
        }

        if (deviceBytes is { } device)
            program.AddConstraint("device", Terms(DeviceObjective(program)), ConstraintSense.AtMost, device - _fixed.Device);
        if (hostBytes is { } host)
            program.AddConstraint("host", Terms(HostObjective(program)), ConstraintSense.AtMost, host - _fixed.Host);
        return program;
    }

    private static IEnumerable<Term> Terms(double[] coefficients) => coefficients.Select((value, i) => new Term(i, value)).Where(term => term.Coefficient != 0);

    private double[] DeviceObjective(IntegerProgram program) =>
        [.. _choices.Select(choice => (double)choice.Bytes.Device), .. _stagingLevels.Select(level => (double)CacheBytes.Align(level)), _predictionBytes,
            .. new double[program.Variables.Count - _choices.Count - _stagingLevels.Length - 1]];

    private double[] HostObjective(IntegerProgram program) =>
        [.. _choices.Select(choice => (double)choice.Bytes.Host), .. new double[program.Variables.Count - _choices.Count]];

    private Plan Read(Solution solution)
    {
        var chosen = Enumerable.Range(0, _choices.Count).Where(i => solution.Values[i] > 0.5).Select(i => _choices[i]).ToList();
        MemoryBreakdown memory = MemoryModel.Predict(
            _profile.Model.Shape, _profile.Model.WeightBytes, [.. chosen.Select(choice => choice.Option.Policy)], _target.Context, _prefillChunk);
        double loss = chosen.Sum(choice => choice.Option.Loss);
        double bound = Math.Min(solution.Bound, loss);
        return new Plan
        {
            Model = _profile.Model,
            Target = _target,
            PrefillChunk = _prefillChunk,
            Layers = [.. chosen.Select(choice => new PlannedLayer { Layer = choice.Layer, Policy = choice.Option.Policy, Loss = choice.Option.Loss })],
            Memory = memory,
            PredictedLoss = loss,
            Solver = new SolverCertificate(
                solution.Status == SolverStatus.Optimal ? "optimal" : "feasible", solution.Status == SolverStatus.Optimal ? loss : bound,
                solution.Status == SolverStatus.Optimal || loss == 0 ? 0 : (loss - bound) / loss),
        };
    }

    private TailorKVException Infeasible(SolverStatus status, TimeSpan? timeLimit, CancellationToken cancellation)
    {
        if (status == SolverStatus.TimeLimit)
            return new TailorKVException($"the solver found no plan within {timeLimit}", "Give it more time or looser limits");
        if (_target.DeviceBytes is { } device && Smallest(null, _target.HostBytes, device: true, cancellation) is { } smallest)
        {
            return new InfeasiblePlanException(
                "device",
                $"no plan keeps {_target.Context} tokens within {device} device bytes ({ByteSize.Format(device)}): weights, activations and logits alone take"
                + $" {_fixed.Device}, and the smallest plan takes {smallest} ({ByteSize.Format(smallest)})",
                $"Give at least --vram {smallest}, or a shorter context", smallest);
        }

        long? smallestHost = Smallest(_target.DeviceBytes, null, device: false, cancellation);
        return new InfeasiblePlanException(
            "host",
            $"no plan keeps {_target.Context} tokens within {_target.HostBytes} host bytes"
            + (smallestHost is { } host ? $": the smallest under the device limit takes {host} ({ByteSize.Format(host)})" : " and the device limit, whatever either is"),
            smallestHost is { } least ? $"Give at least --host {least}, or a shorter context" : "Give both more, or a shorter context", smallestHost);
    }

    private long? Smallest(long? deviceBytes, long? hostBytes, bool device, CancellationToken cancellation)
    {
        IntegerProgram program = Program(deviceBytes, hostBytes);
        program = program.WithObjective(device ? DeviceObjective(program) : HostObjective(program));
        Solution solution = CbcSolver.Solve(program, null, cancellation);
        if (!solution.HasValues)
            return null;
        MemoryBreakdown memory = Read(solution).Memory;
        return device ? memory.Device : memory.Host;
    }
}
