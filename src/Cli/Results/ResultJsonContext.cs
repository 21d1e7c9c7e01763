using System.Text.Json.Serialization;

namespace TailorKV.Cli.Results;

/// <summary>The generated writers of the --json documents: every member is always there, null where it has no value.</summary>
[JsonSourceGenerationOptions(
    WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, Converters = [typeof(FiniteOrNullConverter)])]
[JsonSerializable(typeof(ProfileResult))]
[JsonSerializable(typeof(ProfileEstimateResult))]
[JsonSerializable(typeof(PlanResult))]
[JsonSerializable(typeof(CompareResult))]
[JsonSerializable(typeof(FrontierResult))]
[JsonSerializable(typeof(ReportResult))]
[JsonSerializable(typeof(VerifyResult))]
[JsonSerializable(typeof(RunResult))]
[JsonSerializable(typeof(BenchResult))]
[JsonSerializable(typeof(DemoResult))]
[JsonSerializable(typeof(DoctorResult))]
[JsonSerializable(typeof(ReferenceResult))]
[JsonSerializable(typeof(HardwareListResult))]
[JsonSerializable(typeof(MachineResult))]
internal sealed partial class ResultJsonContext : JsonSerializerContext;
