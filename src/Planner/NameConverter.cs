using System.Text.Json.Serialization;

namespace TailorKV.Planner;

/// <summary>Reads and writes an enumeration by name only: a number may stand for none of them.</summary>
internal sealed class NameConverter<T>() : JsonStringEnumConverter<T>(namingPolicy: null, allowIntegerValues: false)
    where T : struct, Enum;
