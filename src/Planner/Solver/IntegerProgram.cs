namespace TailorKV.Planner.Solver;

/// <summary>
/// A mixed-integer linear program: minimise a linear objective over binary and continuous variables under linear constraints.
/// </summary>
/// <remarks>
/// <para>Bytes go in as they are: <see cref="CbcSolver"/> scales the objective and every row itself. A solver's own feasibility is relative (1e-8 of a scaled row),
/// which is many bytes of a terabyte, so a constraint over binaries alone is checked again in exact arithmetic after solving, and a solution that
/// breaks one, be it by a byte, is cut off and the program solved again. Coefficients up to 1e12 in rows of up to 9,000 terms stay within the 2^53 to which this is exact.</para>
/// <para>A constraint with a continuous variable holds only to the solver's relative tolerance. Whoever needs it to the byte models a maximum by binary
/// levels instead, or checks <see cref="Constraint.Violation"/> with the values it derives itself from the binaries.</para>
/// </remarks>
public sealed class IntegerProgram
{
    private readonly List<Variable> _variables = [];
    private readonly List<Constraint> _constraints = [];

    /// <summary>The variables, in the order added.</summary>
    public IReadOnlyList<Variable> Variables => _variables;

    /// <summary>The constraints, in the order added.</summary>
    public IReadOnlyList<Constraint> Constraints => _constraints;

    /// <summary>Adds a variable that is 0 or 1.</summary>
    /// <param name="objective">Its coefficient in the objective; finite.</param>
    /// <param name="name">What it is called in messages and exports.</param>
    /// <returns>Its index.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The coefficient is not finite.</exception>
    public int AddBinary(double objective, string name) => Add(new Variable(name, 0, 1, Finite(objective, name), IsBinary: true));

    /// <summary>Adds a continuous variable. Its bounds are finite, so no program is unbounded.</summary>
    /// <param name="lower">Its least value; finite.</param>
    /// <param name="upper">Its greatest value; finite, not below <paramref name="lower"/>.</param>
    /// <param name="objective">Its coefficient in the objective; finite.</param>
    /// <param name="name">What it is called in messages and exports.</param>
    /// <returns>Its index.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A bound or the coefficient is not finite, or the bounds cross.</exception>
    public int AddContinuous(double lower, double upper, double objective, string name)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Finite(upper, name), Finite(lower, name));
        return Add(new Variable(name, lower, upper, Finite(objective, name), IsBinary: false));
    }

    /// <summary>Adds a constraint.</summary>
    /// <param name="name">What it is called in messages and exports.</param>
    /// <param name="terms">Its left-hand side, each variable at most once.</param>
    /// <param name="sense">How the two sides compare.</param>
    /// <param name="rightHandSide">The constant side; finite.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is not finite, or a variable does not exist.</exception>
    /// <exception cref="ArgumentException">A variable occurs twice.</exception>
    public void AddConstraint(string name, IEnumerable<Term> terms, ConstraintSense sense, double rightHandSide)
    {
        var row = terms.ToArray();
        var seen = new HashSet<int>();
        foreach (var term in row)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(term.Variable, nameof(terms));
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(term.Variable, _variables.Count, nameof(terms));
            Finite(term.Coefficient, name);
            if (!seen.Add(term.Variable))
                throw new ArgumentException($"Constraint {name} has the variable {_variables[term.Variable].Name} twice.", nameof(terms));
        }

        _constraints.Add(new Constraint(name, row, sense, Finite(rightHandSide, name)));
    }

    /// <summary>The objective's value.</summary>
    /// <param name="values">A value for each variable.</param>
    public double Objective(IReadOnlyList<double> values)
    {
        double sum = 0;
        for (int i = 0; i < _variables.Count; i++)
            sum += _variables[i].Objective * values[i];
        return sum;
    }

    /// <summary>A copy with another objective, to break ties of this one or to ask another question of the same constraints.</summary>
    /// <param name="objective">A coefficient for each variable; finite.</param>
    /// <exception cref="ArgumentException">There is not one coefficient for each variable.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A coefficient is not finite.</exception>
    public IntegerProgram WithObjective(IReadOnlyList<double> objective)
    {
        if (objective.Count != _variables.Count)
            throw new ArgumentException($"{objective.Count} coefficients for {_variables.Count} variables.", nameof(objective));
        var copy = new IntegerProgram();
        for (int i = 0; i < _variables.Count; i++)
            copy.Add(_variables[i] with { Objective = Finite(objective[i], _variables[i].Name) });
        copy._constraints.AddRange(_constraints);
        return copy;
    }

    private int Add(Variable variable)
    {
        _variables.Add(variable);
        return _variables.Count - 1;
    }

    private static double Finite(double value, string name) =>
        double.IsFinite(value) ? value : throw new ArgumentOutOfRangeException(nameof(value), value, $"{name} has a number that is not finite.");
}
