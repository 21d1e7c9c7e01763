using System.Text.Json.Serialization;

namespace TailorKV.Planner.Machines;

/// <summary>The generated reader and writer of machines.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(Machine))]
[JsonSerializable(typeof(Dictionary<string, KernelRate>))]
internal sealed partial class MachineJsonContext : JsonSerializerContext
{
    public static MachineJsonContext Strict { get; } = new(JsonFile.StrictOptions());
}
