using System.Text.Json;
using System.Text.Json.Serialization;

namespace TailorKV.Cli.Results;

/// <summary>Writes numbers that JSON cannot hold, such as tokens in a second of no time, as null: they have no value.</summary>
internal sealed class FiniteOrNullConverter : JsonConverter<double>
{
    public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetDouble();

    public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options)
    {
        if (double.IsFinite(value))
            writer.WriteNumberValue(value);
        else
            writer.WriteNullValue();
    }
}
