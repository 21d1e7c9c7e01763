using System.Text.Json.Serialization;

namespace TailorKV.Profiler.Tasks;

/// <summary>The generated reader.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, RespectNullableAnnotations = true, AllowDuplicateProperties = false)]
[JsonSerializable(typeof(TaskLine))]
internal sealed partial class TaskJsonContext : JsonSerializerContext;
