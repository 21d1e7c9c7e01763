using System.Text.Json;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime;

namespace TailorKV.Quality;

/// <summary>The protocols of findings.json: code formats for keys or values alone, indexes, and refined layers.</summary>
internal static class FindingsProtocol
{
    // Nats.
    private const double Tolerance = 3e-4;

    private const int Tail = 64;

    // Stands for values or keys that are kept: its loss is a hundredth of the smallest figure compared.
    private static readonly CodeFormat Kept = new RotatedAffineFormat { Bits = 8 };

    public static void Run(string shared, Report report, CancellationToken cancellation)
    {
        string folder = Path.Combine(shared, "models", "SmolLM2-135M-Instruct");
        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "findings.json")));
        JsonElement root = json.RootElement;
        using var model = CausalLanguageModel.Load(Path.Combine(folder, "model.gguf"));
        string tokens = Path.Combine(folder, "sensitivity.safetensors");
        using (Windows windows = Windows.FromReference(model, tokens, "input_ids", 1024, cancellation))
        {
            report.Heading("Quantizers, every layer, keys or values alone");
            report.Paragraph(
                "Not repeated, as no format of this library: keys less their mean (\"smoothed\"), normal levels per channel, values per channel, rotated affine codes of 1 bit.");
            var quantizers = new Comparison(Tolerance);
            foreach (string part in new[] { "keys", "values" })
            {
                foreach (JsonProperty format in root.GetProperty("quantizers").GetProperty(part).EnumerateObject())
                {
                    foreach (JsonProperty bits in format.Value.EnumerateObject())
                    {
                        if (Format(format.Name, double.Parse(bits.Name)) is not { } codes || (part == "values" && codes is PerChannelFormat))
                            continue;
                        cancellation.ThrowIfCancellationRequested();
                        var policy = new QuantizedPolicy
                        {
                            Keys = part == "keys" ? codes : Kept,
                            Values = part == "keys" ? Kept : codes,
                            Sinks = 0,
                            Generated = Tail,
                        };
                        (double loss, double perplexity) = windows.Whole(policy);
                        quantizers.Add($"{part}: {codes.Describe()}", loss, bits.Value.GetDouble(), perplexity);
                    }
                }
            }

            quantizers.WriteTo(report, withPerplexity: true);

            report.Heading("Indexes of retrieved layers, every layer, 4 sinks and the newest 32 exact");
            report.Paragraph(
                "Critical channels are chosen there by the query itself and here, as a runtime must, by the query predicted from the layer before; layer 0, which has none before it, uses 1-bit rotated keys here.");
            var indexes = new Comparison(Tolerance);
            foreach (JsonProperty index in root.GetProperty("indexes").GetProperty("values").EnumerateObject())
            {
                foreach (JsonProperty k in index.Value.EnumerateObject())
                {
                    var policy = new RetrievedPolicy { TopK = int.Parse(k.Name), Index = Index(index.Name) };
                    (double loss, double perplexity) = windows.Whole(policy, policy with { Index = Index("1-bit rotated") });
                    indexes.Add($"{index.Name}, top-{k.Name}", loss, k.Value.GetProperty("kl").GetDouble(), perplexity);
                }
            }

            indexes.WriteTo(report, withPerplexity: true);
            Refined(windows, root.GetProperty("refined").GetProperty("context1024"), report, "context 1,024", cancellation);

            report.Heading("Refined, other formats, context 1,024");
            report.Paragraph("Not repeated, as no format of this library: values kept as means of blocks.");
            var formats = new Comparison(Tolerance);
            foreach (JsonElement row in root.GetProperty("refinedFormats").GetProperty("values").EnumerateArray())
            {
                if (Words(row.GetProperty("keys").GetString()!) is not { } keys || Words(row.GetProperty("values").GetString()!) is not { } values)
                    continue;
                foreach (JsonProperty k in row.GetProperty("kl").EnumerateObject())
                {
                    (double loss, double perplexity) = windows.Whole(new RefinedPolicy { Keys = keys, Values = values, TopK = int.Parse(k.Name), Generated = Tail });
                    formats.Add($"K {keys.Describe()}, V {values.Describe()}, top-{k.Name}", loss, k.Value.GetDouble(), perplexity);
                }
            }

            formats.WriteTo(report, withPerplexity: true);
        }

        using Windows longer = Windows.FromReference(model, tokens, "input_ids_4064", 4000, cancellation);
        Refined(longer, root.GetProperty("refined").GetProperty("context4000"), report, "context 4,000", cancellation);
    }

    private static void Refined(Windows windows, JsonElement figures, Report report, string title, CancellationToken cancellation)
    {
        report.Heading($"Rotated codes of normal levels, refined by the top k (0: codes alone), every layer, {title}");
        report.Paragraph($"Perplexity of the exact cache: {windows.ExactPerplexity():0.00}");
        var comparison = new Comparison(Tolerance);
        foreach (JsonProperty pair in figures.EnumerateObject())
        {
            foreach (JsonProperty k in pair.Value.GetProperty("kl").EnumerateObject())
            {
                cancellation.ThrowIfCancellationRequested();
                int keyBits = pair.Name[1] - '0';
                int valueBits = pair.Name[3] - '0';
                LayerPolicy policy = k.Name == "0"
                    ? Catalogue.Rotated(keyBits, valueBits) with { Generated = Tail }
                    : Catalogue.Refined(keyBits, valueBits, int.Parse(k.Name)) with { Generated = Tail };
                (double loss, double perplexity) = windows.Whole(policy);
                comparison.Add($"{pair.Name}, top-{k.Name}", loss, k.Value.GetDouble(), perplexity);
            }
        }

        comparison.WriteTo(report, withPerplexity: true);
    }

    // Stored bits are code bits and the share of scale and zero, or of the norm, in an element of 64-element heads.
    private static CodeFormat? Format(string name, double storedBits) => name switch
    {
        "channel g32" => new PerChannelFormat { Bits = (int)(storedBits - 1), Group = 32 },
        "channel g64" => new PerChannelFormat { Bits = (int)(storedBits - 0.5), Group = 64 },
        "channel g128" => new PerChannelFormat { Bits = (int)(storedBits - 0.25), Group = 128 },
        "token g32" => new PerTokenFormat { Bits = (int)(storedBits - 1), Group = 32 },
        "token g64" => new PerTokenFormat { Bits = (int)(storedBits - 0.5), Group = 64 },
        "token g32 rotated" when storedBits > 2 => new RotatedAffineFormat { Bits = (int)(storedBits - 1), Group = 32 },
        "token g64 rotated" when storedBits > 1.5 => new RotatedAffineFormat { Bits = (int)(storedBits - 0.5), Group = 64 },
        "normal levels rotated" => new RotatedNormalFormat { Bits = (int)(storedBits - 0.25) },
        _ => null,
    };

    private static KeyIndex Index(string name) => name.Split(' ') switch
    {
        ["exact"] => new CodedKeys(new RotatedAffineFormat { Bits = 8 }),
        ["1-bit", "rotated", ..] => new CodedKeys(new RotatedNormalFormat { Bits = 1 }),
        ["2-bit", "rotated", ..] => new CodedKeys(new RotatedNormalFormat { Bits = 2 }),
        ["1-bit", ..] => new CodedKeys(new PerChannelFormat { Bits = 1, Group = 64 }),
        ["2-bit", ..] => new CodedKeys(new PerChannelFormat { Bits = 2, Group = 64 }),
        [var count, "critical", "channels"] => new CriticalChannels(int.Parse(count)),
        _ => throw new InvalidDataException($"findings.json names an index \"{name}\" that this program does not know."),
    };

    private static CodeFormat? Words(string name) => name switch
    {
        "normal 1-bit" => new RotatedNormalFormat { Bits = 1 },
        "normal 2-bit" => new RotatedNormalFormat { Bits = 2 },
        "normal 3-bit" => new RotatedNormalFormat { Bits = 3 },
        "rotated affine 2-bit per token g64" => new RotatedAffineFormat { Bits = 2, Group = 64 },
        "affine 2-bit per channel g64" => new PerChannelFormat { Bits = 2, Group = 64 },
        _ => null,
    };
}
