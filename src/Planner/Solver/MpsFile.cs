using System.Globalization;
using System.Text;

namespace TailorKV.Planner.Solver;

/// <summary>
/// Writes an <see cref="IntegerProgram"/> in free MPS format, which every solver of such programs reads. Numbers are written in full, so nothing is rounded; names keep
/// letters, digits, points and dashes, and the place of a row or column in front of them makes them unique.
/// </summary>
public static class MpsFile
{
    private const string Objective = "objective";

    /// <summary>The program's text.</summary>
    /// <param name="program">The program.</param>
    /// <param name="name">What it is called.</param>
    public static string Text(IntegerProgram program, string name)
    {
        ArgumentNullException.ThrowIfNull(program);
        var text = new StringBuilder();
        Line($"NAME {Word(name)}");
        Line($"ROWS");
        Line($" N {Objective}");
        string[] rows = [.. program.Constraints.Select((constraint, r) => $"r{r}.{Word(constraint.Name)}")];
        for (int r = 0; r < rows.Length; r++)
            Line($" {program.Constraints[r].Sense switch { ConstraintSense.AtMost => 'L', ConstraintSense.AtLeast => 'G', _ => 'E' }} {rows[r]}");

        var entries = program.Variables.Select(variable => new List<(string Row, long Value)> { (Objective, variable.Objective) }).ToArray();
        for (int r = 0; r < rows.Length; r++)
        {
            foreach (Term term in program.Constraints[r].Terms)
                entries[term.Variable].Add((rows[r], term.Coefficient));
        }

        Line($"COLUMNS");
        Line($" MARKER 'MARKER' 'INTORG'");
        for (int c = 0; c < entries.Length; c++)
        {
            foreach ((string row, long value) in entries[c])
                Line($" {Column(c)} {row} {value}");
        }

        Line($" MARKER 'MARKER' 'INTEND'");
        Line($"RHS");
        for (int r = 0; r < rows.Length; r++)
            Line($" rhs {rows[r]} {program.Constraints[r].RightHandSide}");
        Line($"BOUNDS");
        for (int c = 0; c < entries.Length; c++)
        {
            Variable variable = program.Variables[c];
            if (variable.IsBinary)
            {
                Line($" BV bound {Column(c)}");
                continue;
            }

            Line($" LO bound {Column(c)} {variable.Lower}");
            Line($" UP bound {Column(c)} {variable.Upper}");
        }

        Line($"ENDATA");
        return text.ToString();

        void Line(FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');

        string Column(int c) => $"c{c}.{Word(program.Variables[c].Name)}";
    }

    private static string Word(string name) => string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' ? c : '_'));
}
