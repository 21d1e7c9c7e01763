using System.Text.Json.Serialization;
using TailorKV.Planner.Models;

namespace TailorKV.Planner.Profiles;

/// <summary>The generated reader and writer of profiles.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(ModelProfile))]
internal sealed partial class ProfileJsonContext : JsonSerializerContext
{
    public static ProfileJsonContext Strict { get; } = new(JsonFile.StrictOptions(new NameConverter<ExactPrecision>()));
}
