namespace TailorKV.Planner.Solver;

/// <summary>
/// An integer linear program: minimise a linear objective over variables within bounds, under linear constraints. All numbers are whole, so bytes, nanoseconds and units of loss go in as they are,
/// and a limit holds to the last of them. Sums over all variables at their largest must stay within 2^62.
/// </summary>
public sealed class IntegerProgram
{
    private readonly List<Variable> _variables = [];
    private readonly List<Constraint> _constraints = [];

    /// <summary>The variables, in the order added.</summary>
    public IReadOnlyList<Variable> Variables => _variables;

    /// <summary>The constraints, in the order added.</summary>
    public IReadOnlyList<Constraint> Constraints => _constraints;

    /// <summary>Adds a variable that is 0 or 1.</summary>
    /// <param name="objective">Its coefficient in the objective.</param>
    /// <param name="name">What it is called in messages and exports.</param>
    /// <returns>Its index.</returns>
    public int AddBinary(long objective, string name) => Add(new Variable(name, 0, 1, objective));

    /// <summary>Adds a variable of whole numbers.</summary>
    /// <param name="lower">Its least value.</param>
    /// <param name="upper">Its greatest value, not below <paramref name="lower"/>.</param>
    /// <param name="objective">Its coefficient in the objective.</param>
    /// <param name="name">What it is called in messages and exports.</param>
    /// <returns>Its index.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The bounds cross.</exception>
    public int AddInteger(long lower, long upper, long objective, string name)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(upper, lower);
        return Add(new Variable(name, lower, upper, objective));
    }

    /// <summary>Adds a constraint.</summary>
    /// <param name="name">What it is called in messages and exports.</param>
    /// <param name="terms">Its left-hand side, each variable at most once.</param>
    /// <param name="sense">How the two sides compare.</param>
    /// <param name="rightHandSide">The constant side.</param>
    /// <exception cref="ArgumentOutOfRangeException">A variable does not exist.</exception>
    /// <exception cref="ArgumentException">A variable occurs twice.</exception>
    public void AddConstraint(string name, IEnumerable<Term> terms, ConstraintSense sense, long rightHandSide)
    {
        var row = terms.ToArray();
        var seen = new HashSet<int>();
        foreach (var term in row)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(term.Variable, nameof(terms));
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(term.Variable, _variables.Count, nameof(terms));
            if (!seen.Add(term.Variable))
                throw new ArgumentException($"Constraint {name} has the variable {_variables[term.Variable].Name} twice.", nameof(terms));
        }

        _constraints.Add(new Constraint(name, row, sense, rightHandSide));
    }

    /// <summary>The objective's value.</summary>
    /// <param name="values">A value for each variable.</param>
    public long Objective(IReadOnlyList<long> values)
    {
        long sum = 0;
        for (int i = 0; i < _variables.Count; i++)
            sum += _variables[i].Objective * values[i];
        return sum;
    }

    /// <summary>A copy with another objective, to break ties of this one or to ask another question of the same constraints.</summary>
    /// <param name="objective">A coefficient for each variable.</param>
    /// <exception cref="ArgumentException">There is not one coefficient for each variable.</exception>
    public IntegerProgram WithObjective(IReadOnlyList<long> objective)
    {
        if (objective.Count != _variables.Count)
            throw new ArgumentException($"{objective.Count} coefficients for {_variables.Count} variables.", nameof(objective));
        var copy = new IntegerProgram();
        for (int i = 0; i < _variables.Count; i++)
            copy.Add(_variables[i] with { Objective = objective[i] });
        copy._constraints.AddRange(_constraints);
        return copy;
    }

    private int Add(Variable variable)
    {
        _variables.Add(variable);
        return _variables.Count - 1;
    }
}
