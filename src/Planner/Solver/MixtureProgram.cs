using Google.OrTools.LinearSolver;
using OrTools = Google.OrTools.LinearSolver;

namespace TailorKV.Planner.Solver;

/// <summary>
/// The master program of Dantzig and Wolfe's decomposition of a <see cref="MultipleChoice"/>: shares of whole choices that add up to one and keep the limits together, at least cost. OR-Tools' GLOP solves it. What it gives
/// are prices to try; bounds are computed from them in <see cref="MultipleChoice.Bound"/>, so nothing depends on GLOP's tolerances.
/// </summary>
internal sealed class MixtureProgram : IDisposable
{
    // Costs of this size are far above GLOP's tolerances and far below what it loses digits at.
    private const double CostSize = 1 << 20;

    private readonly OrTools.Solver _solver = OrTools.Solver.CreateSolver("GLOP");
    private readonly MPSolverParameters _parameters = new();
    private readonly OrTools.Constraint _sum;
    private readonly OrTools.Constraint?[] _rows;
    private readonly IReadOnlyList<long> _limits;
    private readonly double[] _rowScales;
    private readonly double _costScale;

    /// <summary>Prepares a program without choices.</summary>
    /// <param name="limits">The most of each resource.</param>
    /// <param name="equalities">How many of the last resources are to be used exactly.</param>
    /// <param name="largestExcess">For each resource, the largest distance of a choice's use from the limit.</param>
    /// <param name="largestCost">The largest cost of a choice.</param>
    public MixtureProgram(IReadOnlyList<long> limits, int equalities, IReadOnlyList<double> largestExcess, double largestCost)
    {
        (_limits, _costScale) = (limits, CostSize / Math.Max(1, largestCost));
        _rowScales = [.. largestExcess.Select(excess => 1 / Math.Max(1, excess))];
        _parameters.SetIntegerParam(MPSolverParameters.IntegerParam.PRESOLVE, (int)MPSolverParameters.PresolveValues.PRESOLVE_OFF);
        _sum = _solver.MakeConstraint(1, 1);
        _rows =
        [
            .. limits.Select((limit, r) => limit == MultipleChoice.Unlimited ? null
                : _solver.MakeConstraint(r >= limits.Count - equalities ? 0 : double.NegativeInfinity, 0)),
        ];
        _solver.Objective().SetMinimization();
    }

    /// <summary>Adds a whole choice.</summary>
    public void Add(double cost, IReadOnlyList<long> use)
    {
        OrTools.Variable share = _solver.MakeNumVar(0, double.PositiveInfinity, "");
        _sum.SetCoefficient(share, 1);
        for (int r = 0; r < _rows.Length; r++)
            _rows[r]?.SetCoefficient(share, _rowScales[r] * (use[r] - _limits[r]));
        _solver.Objective().SetCoefficient(share, _costScale * cost);
    }

    /// <summary>Solves; null where GLOP gives up.</summary>
    /// <returns>The cost, and what a unit more of each resource would save.</returns>
    public (double Cost, double[] Multipliers)? Solve() => _solver.Solve(_parameters) != OrTools.Solver.ResultStatus.OPTIMAL
        ? null
        : (_solver.Objective().Value() / _costScale, [.. _rows.Select((row, r) => row is null ? 0 : -row.DualValue() * _rowScales[r] / _costScale)]);

    /// <inheritdoc/>
    public void Dispose()
    {
        _parameters.Dispose();
        _solver.Dispose();
    }
}
