using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Xunit;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;

namespace TailorKV.Planner.Tests.Plans;

/// <summary>What is counted on the host besides caches and prompt, and what no runtime can hold.</summary>
public sealed class MemoryPartsTests : IDisposable
{
    private static readonly ModelShape Shape = new()
    {
        Architecture = "llama",
        Layers = 2,
        HiddenSize = 64,
        IntermediateSize = 256,
        Heads = 8,
        KvHeads = 2,
        HeadDim = 16,
        VocabularySize = 1000,
        ContextLength = 4096,
    };

    private static readonly ModelFingerprint Model = new() { Name = "m", Shape = Shape, WeightBytes = 1000, LaidOutBytes = 777, WeightsHash = "xxh128:00" };

    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    [Property(MaxTest = 200)]
    public bool Weights_laid_out_are_shared_by_a_batch_and_the_rest_is_each_session_s(PositiveInt context, PositiveInt chunk, byte batch)
    {
        int sessions = batch + 1, tokens = Math.Min(context.Get, 1 << 20), rows = Math.Min(Math.Min(16, tokens), Math.Min(chunk.Get, 1 << 16));
        MemoryBreakdown one = MemoryModel.Predict(Model, [new FullPolicy(), Catalogue.Refined(2, 2, 8)], tokens, Math.Min(chunk.Get, 1 << 16));
        MemoryBreakdown all = MemoryModel.Predict(Model, [new FullPolicy(), Catalogue.Refined(2, 2, 8)], tokens, Math.Min(chunk.Get, 1 << 16), sessions);
        return (all.HostWeights, all.HostLogits) == (777, sessions * CacheBytes.Align(4L * rows * Shape.VocabularySize))
            && all.Host == all.HostWeights + all.HostCache + all.HostPrefill + all.HostLogits
            && all.OfOne(sessions) == one;
    }

    [Fact]
    public void A_plan_of_a_release_that_counted_less_is_read_and_has_all_parts()
    {
        Plan plan = Plan.From(Model with { LaidOutBytes = 0 }, 128, [new FullPolicy(), Catalogue.Refined(2, 2, 8)]);
        JsonNode root = JsonNode.Parse(plan.ToJson())!;
        Assert.True(root["memory"]!.AsObject().Remove("hostLogits"));
        File.WriteAllText(_path, root.ToJsonString());
        Assert.Equal(plan.ToJson(), Plan.Load(_path).ToJson());

        root["memory"]!["hostCache"] = 1;
        File.WriteAllText(_path, root.ToJsonString());
        Assert.Contains("memory says", Assert.Throws<InvalidFileException>(() => Plan.Load(_path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_host_limit_counts_the_weights_laid_out()
    {
        ModelProfile profile = Profile(Shape);
        Plan plan = new PlanBuilder(profile, new PlanTarget { Context = 256 }).Build();
        Assert.Equal(777, plan.Memory.HostWeights);
        Assert.Equal(plan.Memory, new PlanBuilder(profile, new PlanTarget { Context = 256, HostBytes = plan.Memory.Host }).Build().Memory);
        Assert.Equal(
            plan.Memory.Host,
            Assert.Throws<InfeasiblePlanException>(() => new PlanBuilder(profile, new PlanTarget { Context = 256, HostBytes = plan.Memory.Host - 1 }).Build()).SmallestBytes);
    }

    /// <summary>A larger chunk that would read more logits at once than the host's limit allows is not chosen.</summary>
    [Fact]
    public void A_chunk_is_chosen_under_the_host_limit_too()
    {
        ModelProfile profile = Profile(Shape);
        var options = new PlanOptions { PrefillChunks = [4, 8, 64] };
        Plan free = new PlanBuilder(profile, new PlanTarget { Context = 256 }, options).Build();
        Assert.Equal(64, free.PrefillChunk);
        Plan limited = new PlanBuilder(profile, new PlanTarget { Context = 256, HostBytes = free.Memory.Host - 1 }, options).Build();
        Assert.Equal(8, limited.PrefillChunk);
        Assert.InRange(limited.Memory.Host, 1, free.Memory.Host - 1);
    }

    [Theory]
    [InlineData(1 << 16, 1 << 16, 8, "a chunk of 65536 tokens is 4294967296 numbers")]
    [InlineData(256, 1 << 12, 1 << 14, "8192 queries that share a KV head have 2147614720 scores over 262144 tokens")]
    public void What_no_runtime_can_hold_is_refused_by_name(int intermediate, int chunk, int heads, string expected)
    {
        ModelShape shape = Shape with { IntermediateSize = intermediate, Heads = heads };
        var target = new PlanTarget { Context = 1 << 18 };
        var options = new PlanOptions { PrefillChunks = [chunk] };
        Assert.Contains(expected, Assert.Throws<TailorKVException>(() => new PlanBuilder(Profile(shape), target, options).Build()).Message, StringComparison.Ordinal);
        Assert.Contains(
            expected, Assert.Throws<TailorKVException>(() => Plan.From(Model with { Shape = shape }, target, [new FullPolicy(), new FullPolicy()], chunk)).Message, StringComparison.Ordinal);
        // A smaller chunk, or fewer tokens, are found where they may be.
        options = new PlanOptions { PrefillChunks = [1024, chunk] };
        Plan most = new PlanBuilder(Profile(shape), target with { Goal = PlanGoal.MostContext }, options).Build();
        Assert.Null(most.Problem());
    }

    /// <summary>Sums of bytes never leave 64 bits unseen.</summary>
    [Fact]
    public void Sizes_beyond_all_memory_are_refused_by_name()
    {
        ModelShape shape = Shape with { Layers = 2, KvHeads = 1 << 11, Heads = 1 << 11, HeadDim = 512, HiddenSize = 1 << 20 };
        var target = new PlanTarget { Context = 1 << 28, Batch = 1 << 16 };
        Assert.Contains("may take more than", Assert.Throws<TailorKVException>(() => new PlanBuilder(Profile(shape), target).Build()).Message, StringComparison.Ordinal);
        Assert.Contains("may take more than", Assert.Throws<TailorKVException>(() => Plan.From(Model with { Shape = shape }, target, [new FullPolicy(), new FullPolicy()])).Message, StringComparison.Ordinal);
    }

    private static ModelProfile Profile(ModelShape shape) => new()
    {
        Tool = "0.1.0",
        Model = Model with { Shape = shape },
        Text = new CalibrationText { Source = "text.txt", Sha256 = "00", Windows = 1, Seed = 1 },
        Context = 64,
        Tail = 8,
        Layers =
        [
            .. Enumerable.Range(0, shape.Layers).Select(layer => new LayerProfile
            {
                Layer = layer,
                DensePreference = 0.5,
                HeadDensePreference = [.. Enumerable.Repeat(0.5, shape.Heads)],
                Options = [new MeasuredOption { Policy = new FullPolicy(), Loss = 0, OutputError = 0 }],
            }),
        ],
    };
}
