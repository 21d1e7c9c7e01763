namespace TailorKV.Cli.Results;

/// <summary>What 'report --json' writes.</summary>
/// <param name="Report">The page written.</param>
/// <param name="Source">The file read.</param>
/// <param name="Kind">profile or plan.</param>
/// <param name="Model">The model's name.</param>
internal sealed record ReportResult(string Report, string Source, string Kind, string Model);
