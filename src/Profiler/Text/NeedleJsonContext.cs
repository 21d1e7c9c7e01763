using System.Text.Json.Serialization;

namespace TailorKV.Profiler.Text;

/// <summary>The generated reader.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, RespectNullableAnnotations = true, AllowDuplicateProperties = false)]
[JsonSerializable(typeof(NeedleTask))]
internal sealed partial class NeedleJsonContext : JsonSerializerContext;
