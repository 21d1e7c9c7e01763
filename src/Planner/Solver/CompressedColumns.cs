namespace TailorKV.Planner.Solver;

/// <summary>
/// A program as COIN-OR's solvers take it: columns compressed, every row scaled to a largest coefficient of about 1 and the objective to one of about 2^20.
/// Binaries that are left out are zero. One more column and row are free of all conditions, for neither solver can do without either.
/// </summary>
internal sealed class CompressedColumns
{
    // Rows are held to 1e-8, ten times looser than integers: what CBC takes for integral it must also take for feasible once rounded, or it drops the node
    // and calls a feasible program infeasible. What this lets through, the covers cut off.
    private const int RowExponent = 0;
    private const int ObjectiveExponent = 20;

    private readonly int[] _start;
    private readonly int[] _index;
    private readonly double[] _value;
    private readonly double[] _lower;
    private readonly double[] _upper;
    private readonly double[] _objective;
    private readonly double[] _rowLower;
    private readonly double[] _rowUpper;
    private readonly double[] _rowScale;

    public CompressedColumns(IntegerProgram program, IReadOnlyList<Constraint> constraints, IReadOnlyList<int> variables)
    {
        Variables = variables;
        var columnOf = new int[program.Variables.Count];
        Array.Fill(columnOf, -1);
        for (int column = 0; column < variables.Count; column++)
            columnOf[variables[column]] = column;

        int rows = constraints.Count + 1;
        _rowScale = new double[rows];
        _rowLower = new double[rows];
        _rowUpper = new double[rows];
        _start = new int[variables.Count + 2];
        for (int row = 0; row < constraints.Count; row++)
        {
            Constraint constraint = constraints[row];
            double scale = _rowScale[row] = Scale(constraint.Terms.Select(term => term.Coefficient), RowExponent);
            double rightHandSide = constraint.RightHandSide * scale;
            _rowLower[row] = constraint.Sense == ConstraintSense.AtMost ? double.NegativeInfinity : rightHandSide;
            _rowUpper[row] = constraint.Sense == ConstraintSense.AtLeast ? double.PositiveInfinity : rightHandSide;
            foreach (Term term in constraint.Terms)
            {
                if (columnOf[term.Variable] is >= 0 and int column)
                    _start[column + 1]++;
            }
        }

        (_rowScale[^1], _rowUpper[^1], _start[^1]) = (1, 1, 1);
        for (int column = 0; column <= variables.Count; column++)
            _start[column + 1] += _start[column];
        _index = new int[_start[^1]];
        _value = new double[_start[^1]];
        int[] next = [.. _start];
        for (int row = 0; row < constraints.Count; row++)
        {
            foreach (Term term in constraints[row].Terms)
            {
                if (columnOf[term.Variable] is >= 0 and int column)
                    (_index[next[column]], _value[next[column]++]) = (row, term.Coefficient * _rowScale[row]);
            }
        }

        (_index[^1], _value[^1]) = (constraints.Count, 1);
        ObjectiveScale = Scale(program.Variables.Select(variable => variable.Objective), ObjectiveExponent);
        _lower = [.. variables.Select(v => program.Variables[v].Lower), 0];
        _upper = [.. variables.Select(v => program.Variables[v].Upper), 0];
        _objective = [.. variables.Select(v => program.Variables[v].Objective * ObjectiveScale), 0];
    }

    /// <summary>Hands the program over.</summary>
    public unsafe delegate void Loader(
        int columns, int rows, int* start, int* index, double* value, double* lower, double* upper, double* objective, double* rowLower, double* rowUpper);

    /// <summary>The program's variable that each column stands for; the last column stands for none.</summary>
    public IReadOnlyList<int> Variables { get; }

    /// <summary>What the objective was multiplied by, a power of two.</summary>
    public double ObjectiveScale { get; }

    public unsafe void LoadInto(Loader loader)
    {
        fixed (int* start = _start, index = _index)
        fixed (double* value = _value, lower = _lower, upper = _upper, objective = _objective, rowLower = _rowLower, rowUpper = _rowUpper)
            loader(_objective.Length, _rowLower.Length, start, index, value, lower, upper, objective, rowLower, rowUpper);
    }

    /// <summary>A dual value of a row in the units of the program's own objective and row.</summary>
    public double Unscaled(int row, double dual) => dual * _rowScale[row] / ObjectiveScale;

    // A power of two, so that scaling rounds nothing.
    private static double Scale(IEnumerable<double> coefficients, int exponent)
    {
        double largest = 0;
        foreach (double coefficient in coefficients)
            largest = Math.Max(largest, Math.Abs(coefficient));
        return largest == 0 ? 1 : Math.ScaleB(1, exponent - Math.ILogB(largest));
    }
}
