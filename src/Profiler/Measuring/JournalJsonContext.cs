using System.Text.Json.Serialization;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Planner.Profiles;

namespace TailorKV.Profiler.Measuring;

/// <summary>The generated readers and writers of what a journal holds. What came out of a measurement is kept whatever it is: "NaN" too.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(JournalLine))]
[JsonSerializable(typeof(int[]))]
[JsonSerializable(typeof(MeasuredMean))]
[JsonSerializable(typeof(double[]))]
[JsonSerializable(typeof(KeyCalibration[]))]
[JsonSerializable(typeof(LayerGradients[]))]
[JsonSerializable(typeof(LayerEffect))]
[JsonSerializable(typeof(LayerAttention))]
internal sealed partial class JournalJsonContext : JsonSerializerContext;
