using TailorKV.Cli.Charts;
using TailorKV.Quality;

namespace TailorKV.Benchmarks.Planner;

/// <summary>How the time to plan grows with layers and with options: a table and a plot.</summary>
internal static class PlannerGrowth
{
    private const int Seeds = 8;
    private const int Repetitions = 2;

    private static readonly int[] Layers = [16, 32, 48, 64, 80];
    private static readonly int[] Options = [25, 50, 100, 200, 300];

    /// <summary>Measures, and writes planner.md and planner-growth.svg.</summary>
    /// <param name="folder">Where to.</param>
    public static void Run(string folder)
    {
        var report = new Report("dotnet run -c Release --project benchmarks -- growth");
        report.Paragraph($"Seconds of processor time until the best plan is proved, {Seeds} synthetic profiles each, the quickest of {Repetitions} repetitions. The search runs on one thread.");
        Time[] byLayers = [.. Layers.Select(layers => Measure(layers, 200, layers))];
        Time[] byOptions = [.. Options.Select(options => Measure(80, options, options))];
        Table(report, "Layers, at 200 options each", "layers", byLayers);
        Table(report, "Options a layer, at 80 layers", "options", byOptions);
        report.Paragraph("![Time to plan against layers and options](planner-growth.svg)");

        Directory.CreateDirectory(folder);
        report.Write(Path.Combine(folder, "planner.md"));
        var chart = new Chart(
            "Time until the best plan is proved", new Axis("layers (at 200 options), options of a layer (at 80 layers)") { From = 0 }, new Axis("processor seconds") { Logarithmic = true },
            [.. Lines("layers", byLayers), .. Lines("options", byOptions)]);
        File.WriteAllText(Path.Combine(folder, "planner-growth.svg"), chart.ToFile());
    }

    private static Time Measure(int layers, int options, int x)
    {
        Console.Error.WriteLine($"{layers} layers x {options} options");
        double[] seconds = [.. Enumerable.Range(1, Seeds).Select(seed => Seconds(PlanningCase.Make(seed, layers, options))).Order()];
        return new Time(x, seconds[Seeds / 2], seconds[^1]);
    }

    private static double Seconds(PlanningCase planning)
    {
        double least = double.PositiveInfinity;
        for (int i = 0; i < Repetitions; i++)
        {
            TimeSpan before = Environment.CpuUsage.TotalTime;
            planning.Solve();
            least = Math.Min(least, (Environment.CpuUsage.TotalTime - before).TotalSeconds);
        }

        return least;
    }

    private static void Table(Report report, string heading, string x, Time[] times)
    {
        report.Heading(heading);
        report.Table([x, "median of the profiles", "worst"], times.Select(time => new[] { $"{time.X}", $"{time.Median:0.000}", $"{time.Worst:0.000}" }));
    }

    private static IEnumerable<Series> Lines(string name, Time[] times) =>
    [
        new($"{name}, median", Marks.Line | Marks.Circles, [.. times.Select(time => new ChartPoint(time.X, time.Median))]),
        new($"{name}, worst", Marks.Dashes | Marks.Circles, [.. times.Select(time => new ChartPoint(time.X, time.Worst))]),
    ];

    /// <summary>Processor seconds at one size.</summary>
    private sealed record Time(int X, double Median, double Worst);
}
