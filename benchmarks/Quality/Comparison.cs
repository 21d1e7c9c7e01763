using TailorKV.Planner.Baselines;

namespace TailorKV.Quality;

/// <summary>Figures of ours beside those of another implementation, and whether each is near enough.</summary>
/// <param name="tolerance">Nats by which a figure may differ that differs by more than 10 %.</param>
internal sealed class Comparison(double tolerance)
{
    private readonly List<string[]> _rows = [];
    private int _compared;
    private int _near;

    /// <summary>Adds a row. Figures of 0.5 nats and more are shown and not judged; the rest may differ by 10 % or the tolerance.</summary>
    public void Add(string what, double ours, double theirs, double perplexity = double.NaN)
    {
        bool judged = theirs < 0.5;
        bool near = Math.Abs(ours - theirs) <= Math.Max(0.1 * theirs, tolerance);
        _compared += judged ? 1 : 0;
        _near += judged && near ? 1 : 0;
        _rows.Add([what, $"{ours:0.00000}", $"{theirs:0.00000}", $"{(theirs > 0 ? ours / theirs : 1):0.00}", !judged ? "-" : near ? "yes" : "no",
            double.IsNaN(perplexity) ? "" : $"{perplexity:0.00}"]);
        Console.Error.WriteLine(string.Join("  ", _rows[^1]));
    }

    public void WriteTo(Report report, bool withPerplexity)
    {
        string[] header = ["setting", "ours", "other", "ratio", "near", "perplexity"];
        int columns = withPerplexity ? 6 : 5;
        report.Paragraph($"Within 10 % or {tolerance:0e-0} nats: {_near} of {_compared} figures below 0.5 nats.");
        report.Table(header[..columns], _rows.Select(row => row[..columns]));
    }
}
