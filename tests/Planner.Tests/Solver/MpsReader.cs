using TailorKV.Planner.Solver;
using ModelBuilderHelper = Google.OrTools.ModelBuilder.ModelBuilderHelper;

namespace TailorKV.Planner.Tests.Solver;

/// <summary>Reads MPS files by OR-Tools' own reader.</summary>
internal static class MpsReader
{
    public static IntegerProgram Read(string text)
    {
        using var model = new ModelBuilderHelper();
        Assert.True(model.ImportFromMpsString(text));
        var program = new IntegerProgram();
        for (int i = 0; i < model.VariablesCount(); i++)
        {
            Assert.True(model.VarIsIntegral(i));
            program.AddInteger(Whole(model.VarLowerBound(i)), Whole(model.VarUpperBound(i)), Whole(model.VarObjectiveCoefficient(i)), "");
        }

        for (int r = 0; r < model.ConstraintsCount(); r++)
        {
            (double lower, double upper) = (model.ConstraintLowerBound(r), model.ConstraintUpperBound(r));
            program.AddConstraint(
                "", model.ConstraintVarIndices(r).Zip(model.ConstraintCoefficients(r), (variable, coefficient) => new Term(variable, Whole(coefficient))),
                lower == upper ? ConstraintSense.Equal : double.IsNegativeInfinity(lower) ? ConstraintSense.AtMost : ConstraintSense.AtLeast,
                Whole(double.IsNegativeInfinity(lower) ? upper : lower));
        }

        return program;
    }

    private static long Whole(double value)
    {
        Assert.True(double.IsInteger(value));
        return (long)value;
    }
}
