using System.Runtime.InteropServices;
using TailorKV.Planner.Solver;

namespace TailorKV.Planner.Tests.Solver;

/// <summary>Reads MPS files by CBC's own reader.</summary>
internal static unsafe partial class CbcReader
{
    private const string Library = "libCbcSolver.so.3";

    public static IntegerProgram Read(string path)
    {
        using CbcModel model = CbcModel.Create();
        CbcModel.SetLogLevel(model, 0);
        CbcModel.SetParameter(model, "log", "0");
        Assert.Equal(0, ReadMps(model, path));
        int columns = Columns(model), rows = Rows(model);
        var program = new IntegerProgram();
        for (int c = 0; c < columns; c++)
        {
            if (IsInteger(model, c) != 0)
            {
                Assert.Equal((0, 1), (Lower(model)[c], Upper(model)[c]));
                program.AddBinary(Objective(model)[c], $"c{c}");
                continue;
            }

            program.AddContinuous(Lower(model)[c], Upper(model)[c], Objective(model)[c], $"c{c}");
        }

        var terms = new List<Term>[rows];
        for (int r = 0; r < rows; r++)
            terms[r] = [];
        for (int c = 0; c < columns; c++)
        {
            for (int i = Starts(model)[c]; i < Starts(model)[c + 1]; i++)
                terms[Indices(model)[i]].Add(new Term(c, Elements(model)[i]));
        }

        for (int r = 0; r < rows; r++)
        {
            (double lower, double upper) = (RowLower(model)[r], RowUpper(model)[r]);
            program.AddConstraint(
                $"r{r}", terms[r], lower == upper ? ConstraintSense.Equal : lower <= -1e300 ? ConstraintSense.AtMost : ConstraintSense.AtLeast, lower <= -1e300 ? upper : lower);
        }

        return program;
    }

    [LibraryImport(Library, EntryPoint = "Cbc_readMps", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ReadMps(CbcModel model, string path);

    [LibraryImport(Library, EntryPoint = "Cbc_getNumCols")]
    private static partial int Columns(CbcModel model);

    [LibraryImport(Library, EntryPoint = "Cbc_getNumRows")]
    private static partial int Rows(CbcModel model);

    [LibraryImport(Library, EntryPoint = "Cbc_isInteger")]
    private static partial int IsInteger(CbcModel model, int column);

    [LibraryImport(Library, EntryPoint = "Cbc_getColLower")]
    private static partial double* Lower(CbcModel model);

    [LibraryImport(Library, EntryPoint = "Cbc_getColUpper")]
    private static partial double* Upper(CbcModel model);

    [LibraryImport(Library, EntryPoint = "Cbc_getObjCoefficients")]
    private static partial double* Objective(CbcModel model);

    [LibraryImport(Library, EntryPoint = "Cbc_getRowLower")]
    private static partial double* RowLower(CbcModel model);

    [LibraryImport(Library, EntryPoint = "Cbc_getRowUpper")]
    private static partial double* RowUpper(CbcModel model);

    [LibraryImport(Library, EntryPoint = "Cbc_getVectorStarts")]
    private static partial int* Starts(CbcModel model);

    [LibraryImport(Library, EntryPoint = "Cbc_getIndices")]
    private static partial int* Indices(CbcModel model);

    [LibraryImport(Library, EntryPoint = "Cbc_getElements")]
    private static partial double* Elements(CbcModel model);
}
