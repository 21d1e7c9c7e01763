namespace TailorKV.Cli.Results;

/// <summary>What 'hardware list --json' writes.</summary>
internal sealed record HardwareListResult(IReadOnlyList<MachineResult> Machines);
