namespace TailorKV.Planner.Solver;

/// <summary>The solver's native library is not installed.</summary>
public sealed class SolverUnavailableException : TailorKVException
{
    /// <summary>Creates the error.</summary>
    /// <param name="reason">Why the library could not be loaded.</param>
    /// <param name="inner">The loader's error.</param>
    public SolverUnavailableException(string reason, Exception? inner = null)
        : base($"The CBC solver is needed for planning and could not be loaded: {reason}", "Install it: apt-get install coinor-libcbc3", inner: inner)
    {
    }
}
