using BenchmarkDotNet.Reports;

namespace TailorKV.Benchmarks.Planner;

/// <summary>A line for each benchmark that was run with several seeds: the median and the worst of the seeds' own medians.</summary>
internal static class SeedSummary
{
    public static void Write(Summary summary, TextWriter output)
    {
        var groups = summary.Reports.Where(report => report.ResultStatistics is not null && report.BenchmarkCase.Parameters.Items.Any(item => item.Name == "Seed"))
            .GroupBy(report => string.Join(", ", report.BenchmarkCase.Parameters.Items.Where(item => item.Name != "Seed").Select(item => $"{item.Value}").Prepend(report.BenchmarkCase.Descriptor.WorkloadMethodDisplayInfo)));
        foreach (var group in groups)
        {
            double[] medians = [.. group.Select(report => report.ResultStatistics!.Median * 1e-6).Order()];
            output.WriteLine($"{group.Key}: median of {medians.Length} seeds {medians[medians.Length / 2]:0.0} ms, worst {medians[^1]:0.0} ms");
        }
    }
}
