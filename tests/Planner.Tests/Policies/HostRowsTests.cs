using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Testing;

namespace TailorKV.Planner.Tests.Policies;

/// <summary>Rows on the host, exact and coded.</summary>
public sealed class HostRowsTests : IDisposable
{
    private static readonly LayerShape Layer = new(4, 2, 16, null);

    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    /// <summary>Codes make host and link bytes fewer, to the byte of llama.cpp's blocks, and change nothing else.</summary>
    [Property(MaxTest = 300)]
    public Property Coded_rows_take_a_scale_a_block_and_their_codes(LayerShape layer, DoNotSize<ushort> tokens, bool wide)
    {
        LayerShape open = layer with { SlidingWindow = null };
        int context = 1 + tokens.Item, bits = wide ? 8 : 4;
        return Prop.ForAll(PolicyGenerators.Any(open, 1).Where(policy => policy is OffloadedPolicy).Select(policy => (OffloadedPolicy)policy).ToArbitrary(), policy =>
        {
            OffloadedPolicy coded = policy with { HostRows = new RotatedBlockFormat { Bits = bits } }, exact = policy with { HostRows = null };
            int middle = policy.MiddleTokens(context), blocks = (open.HeadDim + 31) / 32;
            long row = (2 * blocks) + (((open.HeadDim * bits) + 7) / 8), exactRow = open.HeadDim * (policy.Precision == ExactPrecision.Float32 ? 4 : 2);
            CacheBytes bytes = coded.Bytes(open, context), ofExact = exact.Bytes(open, context);
            Assert.Equal(ofExact with { Host = ofExact.Host + (2 * open.KvHeads * (Aligned(middle * row) - Aligned(middle * exactRow))) }, bytes);

            long rows = 2L * open.KvHeads * Math.Min(middle, coded.Choice!.Value.Count);
            StepWork work = coded.Work(open, context), exactWork = exact.Work(open, context);
            Assert.Equal(rows * row, work.FetchedBytes);
            Assert.Equal(rows * exactRow, exactWork.FetchedBytes);
            Assert.Equal(exactWork with { FetchedBytes = work.FetchedBytes, DeviceBytes = exactWork.DeviceBytes + work.FetchedBytes - exactWork.FetchedBytes }, work);

            Assert.Contains($", host rows {bits}-bit", coded.Describe(), StringComparison.Ordinal);
            Assert.DoesNotContain("host rows", exact.Describe(), StringComparison.Ordinal);
        });

        static long Aligned(long bytes) => (bytes + 63) / 64 * 64;
    }

    [Fact]
    public void Other_formats_and_widths_are_refused_by_name()
    {
        foreach (OffloadedPolicy policy in Policies())
        {
            foreach (CodeFormat format in new CodeFormat[]
            {
                new PerBlockFormat { Bits = 8 }, new PerTokenFormat { Bits = 4 }, new PerChannelFormat { Bits = 4 }, new RotatedAffineFormat { Bits = 8 }, new RotatedNormalFormat { Bits = 4 },
                new TieredNormalFormat { Tiers = [4, 2] }, new RotatedBlockFormat { Bits = 2 },
            })
            {
                string? problem = (policy with { HostRows = format }).Problem(Layer, 1);
                Assert.StartsWith("hostRows: ", problem, StringComparison.Ordinal);
                Assert.Contains(format is RotatedBlockFormat ? "2 bits" : format.Describe(), problem, StringComparison.Ordinal);
            }

            Assert.Null((policy with { HostRows = new RotatedBlockFormat { Bits = 4 } }).Problem(Layer, 1));
        }
    }

    [Fact]
    public void Exact_rows_are_written_as_ever_and_read_where_nothing_or_null_is_said()
    {
        foreach (OffloadedPolicy policy in Policies())
        {
            JsonNode plan = JsonNode.Parse(Written(policy).ToJson())!;
            JsonObject written = plan["layers"]![1]!["policy"]!.AsObject();
            Assert.False(written.ContainsKey("hostRows"));
            written["hostRows"] = null;
            Assert.Equal(policy, Read(plan));
            written["hostRows"] = new JsonObject { ["kind"] = "rotatedBlock", ["bits"] = 8 };
            Assert.Contains("memory", Assert.Throws<InvalidFileException>(() => Read(plan)).Message, StringComparison.Ordinal);
            written["hostRows"] = new JsonObject { ["kind"] = "perBlock", ["bits"] = 8 };
            Assert.Contains("hostRows: 8-bit per block", Assert.Throws<InvalidFileException>(() => Read(plan)).Message, StringComparison.Ordinal);
        }
    }

    private static IEnumerable<OffloadedPolicy> Policies() => [new RetrievedPolicy { TopK = 8, Index = new CriticalChannels(4) }, Catalogue.Refined(2, 2, 8)];

    private static Plan Written(LayerPolicy policy)
    {
        var shape = new ModelShape
        {
            Architecture = "llama",
            Layers = 2,
            HiddenSize = 64,
            IntermediateSize = 96,
            Heads = Layer.Heads,
            KvHeads = Layer.KvHeads,
            HeadDim = Layer.HeadDim,
            VocabularySize = 100,
            ContextLength = 4096,
        };
        return Plan.From(new ModelFingerprint { Name = "m", Shape = shape, WeightBytes = 1000, WeightsHash = "xxh128:00" }, 1000, [new FullPolicy(), policy]);
    }

    private LayerPolicy Read(JsonNode plan)
    {
        File.WriteAllText(_path, plan.ToJsonString());
        return Plan.Load(_path).Policies[1];
    }
}
