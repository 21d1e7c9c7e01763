namespace TailorKV.Cli.Results;

/// <summary>What 'doctor --json' writes.</summary>
internal sealed record DoctorResult(IReadOnlyList<DoctorResult.Check> Checks, bool Passed)
{
    public sealed record Check(string Name, string Value, bool Passed);
}
