using System.Text.Json;
using System.Text.Json.Serialization;
using TailorKV.Planner.Machines;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Profiles;

namespace TailorKV.Planner;

/// <summary>The generated readers and writers.</summary>
[JsonSourceGenerationOptions(
    WriteIndented = true,
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(FiniteNumberConverter), typeof(NameConverter<ExactPrecision>), typeof(NameConverter<PlanGoal>)],
    AllowOutOfOrderMetadataProperties = true,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    AllowDuplicateProperties = false,
    MaxDepth = 32)]
[JsonSerializable(typeof(Plan))]
[JsonSerializable(typeof(ModelProfile))]
[JsonSerializable(typeof(Machine))]
[JsonSerializable(typeof(JsonElement))]
internal sealed partial class PlannerJsonContext : JsonSerializerContext;
