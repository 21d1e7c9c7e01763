using TailorKV.Planner.Solver;

namespace TailorKV.Planner.Plans;

/// <summary>
/// The choice of a plan as a mixed-integer program: a binary for each layer and option, exactly one of each layer's being chosen, and exactly one setting. An option is allowed by
/// the settings whose shared buffers hold it. A layer's prefetch overlaps the layer before: where it takes longer, a variable holds the wait.
/// </summary>
internal sealed class PlanProgram
{
    private readonly PricedProfile _priced;
    private readonly PricedOption[] _options;
    private readonly int _firstSetting;

    /// <summary>Builds the program.</summary>
    /// <param name="priced">What to choose from.</param>
    /// <param name="limits">The limits.</param>
    /// <param name="objective">What to make least.</param>
    public PlanProgram(PricedProfile priced, Measures limits, Measure objective)
    {
        _priced = priced;
        _options = [.. priced.Layers.SelectMany(layer => layer)];
        _firstSetting = _options.Length;
        Program = new IntegerProgram();
        for (int i = 0, within = 0; i < _options.Length; i++, within++)
        {
            within = i > 0 && _options[i].Layer == _options[i - 1].Layer ? within : 0;
            Program.AddBinary(_options[i].Own[objective], $"layer{_options[i].Layer}.option{within}");
        }

        for (int i = 0; i < priced.Settings.Count; i++)
            Program.AddBinary(priced.Settings[i].Fixed[objective], $"setting{i}");
        int[] waits = objective == Measure.Time || limits.Time != Measures.Unlimited ? AddWaits(objective == Measure.Time) : [];

        foreach (var layer in Enumerable.Range(0, _options.Length).GroupBy(i => _options[i].Layer))
            Program.AddConstraint($"layer{layer.Key}", layer.Select(i => new Term(i, 1)), ConstraintSense.Equal, 1);
        Program.AddConstraint("setting", priced.Settings.Select((_, i) => new Term(_firstSetting + i, 1)), ConstraintSense.Equal, 1);
        AddAllowances();
        foreach (Measure measure in Enum.GetValues<Measure>())
        {
            if (limits[measure] != Measures.Unlimited)
            {
                IEnumerable<Term> terms = Terms(measure);
                if (measure == Measure.Time)
                    terms = terms.Concat(waits.Select(wait => new Term(wait, 1)));
                Program.AddConstraint(measure.ToString().ToLowerInvariant(), terms, ConstraintSense.AtMost, limits[measure]);
            }
        }

        for (int c = 0; c < priced.Constraints.Count; c++)
        {
            PlanConstraint constraint = priced.Constraints[c];
            Program.AddConstraint(
                constraint.Name, _options.Select((option, i) => new Term(i, option.Custom[c])).Where(term => term.Coefficient != 0), constraint.Sense, constraint.RightHandSide);
        }
    }

    /// <summary>The program: a variable for each option, layer by layer, one for each setting, then the waits.</summary>
    public IntegerProgram Program { get; }

    /// <summary>Solves the program by CP-SAT.</summary>
    /// <param name="objective">What is made least.</param>
    /// <param name="tieBreak">What is made least among equals.</param>
    /// <param name="work">The most work, in the solver's deterministic seconds.</param>
    /// <param name="stop">Ends the search with the best found.</param>
    /// <param name="proved">Whether the best is found, or that there is none.</param>
    /// <returns>The best choice found; null where none was.</returns>
    public PlanChoice? Solve(Measure objective, Measure tieBreak, double work, CancellationToken stop, out bool proved)
    {
        long[] second = [.. _options.Select(option => option.Own[tieBreak]), .. _priced.Settings.Select(setting => setting.Fixed[tieBreak]),
            .. new long[Program.Variables.Count - _options.Length - _priced.Settings.Count]];
        Solution solution = CpSatSolver.SolveLexicographic(Program, second, work, stop);
        proved = solution.Status is SolverStatus.Optimal or SolverStatus.Infeasible;
        if (!solution.HasValues)
            return null;
        PricedOption[] chosen = [.. _options.Where((_, i) => solution.Values[i] == 1)];
        Setting setting = _priced.Settings[Enumerable.Range(0, _priced.Settings.Count).First(i => solution.Values[_firstSetting + i] == 1)];
        Measures total = _priced.Total(setting, chosen);
        return new PlanChoice(setting, chosen, total, solution.Status, Math.Min(total[objective], solution.Bound));
    }

    private IEnumerable<Term> Terms(Measure measure) =>
        _options.Select((option, i) => new Term(i, option.Own[measure])).Concat(_priced.Settings.Select((setting, i) => new Term(_firstSetting + i, setting.Fixed[measure])))
            .Where(term => term.Coefficient != 0);

    // One row for each layer and level of a shared buffer: its options that need more are allowed only by settings that hold more.
    private void AddAllowances()
    {
        long[] levels = [.. _priced.Settings.Select(setting => setting.Staging).Distinct().Order()];
        for (int layer = 0; layer < _priced.Layers.Count; layer++)
        {
            long[] needed = [.. _priced.Layers[layer].Select(option => option.Staging).Distinct()];
            foreach (long level in levels.Where(level => needed.Any(bytes => bytes > level) && levels.First(above => above > level) is var next && needed.Contains(next)))
                AddAllowance($"layer{layer}.staging{level}", layer, option => option.Staging > level, setting => setting.Staging > level);
            if (_priced.Layers[layer].Any(option => option.Predicts))
                AddAllowance($"layer{layer}.predicts", layer, option => option.Predicts, setting => setting.Predicts);
        }
    }

    private void AddAllowance(string name, int layer, Func<PricedOption, bool> needs, Func<Setting, bool> has) => Program.AddConstraint(
        name,
        [
            .. Enumerable.Range(0, _options.Length).Where(i => _options[i].Layer == layer && needs(_options[i])).Select(i => new Term(i, 1)),
            .. Enumerable.Range(0, _priced.Settings.Count).Where(i => has(_priced.Settings[i])).Select(i => new Term(_firstSetting + i, -1)),
        ],
        ConstraintSense.AtMost, 0);

    private int[] AddWaits(bool cost)
    {
        var waits = new List<int>();
        for (int layer = 1; layer < _priced.Layers.Count; layer++)
        {
            long longest = _priced.Layers[layer].Max(option => option.Prefetch);
            if (longest == 0)
                continue;
            int wait = Program.AddInteger(0, longest, cost ? 1 : 0, $"wait{layer}");
            waits.Add(wait);
            IEnumerable<Term> terms = Enumerable.Range(0, _options.Length)
                .Where(i => (_options[i].Layer == layer && _options[i].Prefetch > 0) || _options[i].Layer == layer - 1)
                .Select(i => new Term(i, _options[i].Layer == layer ? _options[i].Prefetch : -_options[i].Own.Time));
            Program.AddConstraint(
                $"wait{layer}",
                [.. terms, .. _priced.Settings.Select((setting, i) => new Term(_firstSetting + i, -setting.LayerTime)), new Term(wait, -1)],
                ConstraintSense.AtMost, 0);
        }

        return [.. waits];
    }
}
