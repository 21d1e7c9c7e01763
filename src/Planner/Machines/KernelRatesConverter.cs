using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace TailorKV.Planner.Machines;

/// <summary>Reads and writes rates as one object, whatever kinds there are.</summary>
internal sealed class KernelRatesConverter : JsonConverter<KernelRates>
{
    private const string Weights = "weights";

    private static JsonTypeInfo<Dictionary<string, KernelRate>> Rates => MachineJsonContext.Strict.DictionaryStringKernelRate;

    /// <inheritdoc/>
    public override KernelRates Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        Dictionary<string, KernelRate> rates = JsonSerializer.Deserialize(ref reader, Rates)!;
        foreach ((string name, KernelRate? rate) in rates)
        {
            if (rate is null)
                throw new JsonException($"'{name}' is null");
        }

        return rates.Remove(Weights, out KernelRate? weights) ? new KernelRates(weights, rates) : throw new JsonException($"it lacks '{Weights}'");
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, KernelRates value, JsonSerializerOptions options) =>
        JsonSerializer.Serialize(writer, new Dictionary<string, KernelRate>(value.Attention.Prepend(new(Weights, value.Weights))), Rates);
}
