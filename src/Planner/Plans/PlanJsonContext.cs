using System.Text.Json.Serialization;
using TailorKV.Planner.Models;

namespace TailorKV.Planner.Plans;

/// <summary>The generated reader and writer of plans.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(Plan))]
internal sealed partial class PlanJsonContext : JsonSerializerContext
{
    public static PlanJsonContext Strict { get; } = new(JsonFile.StrictOptions(new NameConverter<ExactPrecision>(), new NameConverter<PlanGoal>()));
}
