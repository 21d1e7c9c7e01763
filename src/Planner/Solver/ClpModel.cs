using System.Runtime.InteropServices;

namespace TailorKV.Planner.Solver;

/// <summary>A model of CLP's C interface (Clp_C_Interface.h, version 1.17), the linear solver that CBC stands on, and the functions of that interface used here.</summary>
internal sealed unsafe partial class ClpModel : SafeHandle
{
    private const string Library = CoinLibraries.Clp;

    static ClpModel() => CoinLibraries.Register();

    public ClpModel()
        : base(0, ownsHandle: true)
    {
    }

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        DeleteModel(handle);
        return true;
    }

    [LibraryImport(Library, EntryPoint = "Clp_newModel")]
    public static partial ClpModel Create();

    [LibraryImport(Library, EntryPoint = "Clp_deleteModel")]
    private static partial void DeleteModel(nint model);

    [LibraryImport(Library, EntryPoint = "Clp_setLogLevel")]
    public static partial void SetLogLevel(ClpModel model, int level);

    [LibraryImport(Library, EntryPoint = "Clp_loadProblem")]
    public static partial void LoadProblem(
        ClpModel model, int columns, int rows, int* start, int* index, double* value, double* columnLower, double* columnUpper, double* objective, double* rowLower, double* rowUpper);

    [LibraryImport(Library, EntryPoint = "Clp_dual")]
    public static partial int Dual(ClpModel model, int valuesPass);

    [LibraryImport(Library, EntryPoint = "Clp_dualRowSolution")]
    public static partial double* RowDuals(ClpModel model);
}
