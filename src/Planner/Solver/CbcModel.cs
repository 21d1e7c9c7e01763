using System.Runtime.InteropServices;

namespace TailorKV.Planner.Solver;

/// <summary>A model of CBC's C interface (Cbc_C_Interface.h, version 2.10), and the functions of that interface used here.</summary>
internal sealed unsafe partial class CbcModel : SafeHandle
{
    private const string Library = CoinLibraries.Cbc;

    static CbcModel() => CoinLibraries.Register();

    public CbcModel()
        : base(0, ownsHandle: true)
    {
    }

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        DeleteModel(handle);
        return true;
    }

    public static string Version => Marshal.PtrToStringUTF8(GetVersion()) ?? "";

    [LibraryImport(Library, EntryPoint = "Cbc_getVersion")]
    private static partial nint GetVersion();

    [LibraryImport(Library, EntryPoint = "Cbc_newModel")]
    public static partial CbcModel Create();

    [LibraryImport(Library, EntryPoint = "Cbc_deleteModel")]
    private static partial void DeleteModel(nint model);

    [LibraryImport(Library, EntryPoint = "Cbc_loadProblem")]
    public static partial void LoadProblem(
        CbcModel model, int columns, int rows, int* start, int* index, double* value, double* columnLower, double* columnUpper, double* objective, double* rowLower, double* rowUpper);

    [LibraryImport(Library, EntryPoint = "Cbc_setInteger")]
    public static partial void SetInteger(CbcModel model, int column);

    [LibraryImport(Library, EntryPoint = "Cbc_setLogLevel")]
    public static partial void SetLogLevel(CbcModel model, int level);

    [LibraryImport(Library, EntryPoint = "Cbc_setParameter", StringMarshalling = StringMarshalling.Utf8)]
    public static partial void SetParameter(CbcModel model, string name, string value);

    [LibraryImport(Library, EntryPoint = "Cbc_setMaximumSeconds")]
    public static partial void SetMaximumSeconds(CbcModel model, double seconds);

    [LibraryImport(Library, EntryPoint = "Cbc_setCutoff")]
    public static partial void SetCutoff(CbcModel model, double cutoff);

    [LibraryImport(Library, EntryPoint = "Cbc_setAllowableGap")]
    public static partial void SetAllowableGap(CbcModel model, double gap);

    [LibraryImport(Library, EntryPoint = "Cbc_setAllowableFractionGap")]
    public static partial void SetAllowableFractionGap(CbcModel model, double gap);

    [LibraryImport(Library, EntryPoint = "Cbc_solve")]
    public static partial int Solve(CbcModel model);

    [LibraryImport(Library, EntryPoint = "Cbc_isProvenOptimal")]
    public static partial int IsProvenOptimal(CbcModel model);

    [LibraryImport(Library, EntryPoint = "Cbc_isProvenInfeasible")]
    public static partial int IsProvenInfeasible(CbcModel model);

    [LibraryImport(Library, EntryPoint = "Cbc_status")]
    public static partial int Status(CbcModel model);

    [LibraryImport(Library, EntryPoint = "Cbc_bestSolution")]
    public static partial double* BestSolution(CbcModel model);

    [LibraryImport(Library, EntryPoint = "Cbc_getBestPossibleObjValue")]
    public static partial double BestPossibleObjective(CbcModel model);
}
