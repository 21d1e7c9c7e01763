using FsCheck;
using FsCheck.Xunit;
using TailorKV.Planner.Machines;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Planner.Profiles;

namespace TailorKV.Planner.Tests.Machines;

public sealed class LatencyModelTests
{
    /// <summary>A machine on which a byte read takes 1 ns, a multiply-add 2, a byte over the link 4, and constants are round: times are counts.</summary>
    private static readonly Machine Counting = new()
    {
        Name = "counting",
        Source = "none",
        DeviceBytes = 1,
        DeviceBytesPerSecond = 1e9,
        LinkBytesPerSecond = 0.25e9,
        LinkSeconds = 1000e-9,
        Kernels = new KernelRates(
            new(100e-9, 1e18),
            new Dictionary<string, KernelRate> { ["full"] = new(10e-9, 0.5e9), ["quantized"] = new(20e-9, 1e18), ["retrieved"] = new(30e-9, 1e18), ["refined"] = new(40e-9, 1e18) }),
    };

    private static readonly ModelShape Shape = new()
    {
        Architecture = "llama",
        Layers = 2,
        HiddenSize = 8,
        IntermediateSize = 8,
        Heads = 4,
        KvHeads = 2,
        HeadDim = 64,
        VocabularySize = 10,
        ContextLength = 4096,
    };

    [Fact]
    public void Work_counts_what_a_step_reads_computes_and_fetches()
    {
        const int Context = 1000, Row = 2 * 64 * 2, RowAdds = 4 * 64;
        LayerShape layer = Shape.Layer(0);
        Assert.Equal(new StepWork(2 * Row * Context, 2L * RowAdds * Context, 0, 0), new FullPolicy().Work(layer, Context));
        Assert.Equal(new StepWork(2 * Row * 300, 2L * RowAdds * 300, 0, 0), new FullPolicy().Work(layer with { SlidingWindow = 300 }, Context));

        // 4 sinks, a window of 33 at most, 964 tokens between them, at 2 bits an element in whole packs of 32, and a norm of 2 bytes (rounded up to 64 bytes a buffer), K and V.
        long codes = 2 * 2 * ((992 * 16) + 1984);
        var coded = new StepWork(codes + (2 * Row * 37), 2L * RowAdds * (37 + 964), 0, 0);
        Assert.Equal(coded, Catalogue.Rotated(2, 2).Work(layer, Context));
        Assert.Equal(
            new StepWork(coded.DeviceBytes + (2 * Row * 50), coded.MultiplyAdds + (2L * RowAdds * 50), 0, 2 * Row * 50), Catalogue.Refined(2, 2, 50).Work(layer, Context));

        // The window holds 32 + 64 + 1; 8 channels of 964 tokens are fetched beforehand for each of 2 KV heads, and max |key| is 64 floats.
        long channels = 2 * 8 * 964 * 2, window = 4 + 97;
        Assert.Equal(
            new StepWork((2 * Row * (window + 50)) + channels + (2 * 256), (2L * RowAdds * (window + 50)) + (4 * 8 * 964), channels, 2 * Row * 50),
            new RetrievedPolicy { TopK = 50, Index = new CriticalChannels(8) }.Work(layer, Context));
        Assert.Equal(
            new StepWork((2 * Row * (window + 50)) + (2 * ((992 * 8) + 1984)), (2L * RowAdds * (window + 50 + 482)), 0, 2 * Row * 50),
            new RetrievedPolicy { TopK = 50, Index = new CodedKeys(new RotatedNormalFormat { Bits = 1 }) }.Work(layer, Context));
    }

    [Fact]
    public void A_step_waits_only_for_what_the_layer_before_does_not_hide()
    {
        var retrieved = new RetrievedPolicy { TopK = 50, Index = new CriticalChannels(8) };
        LayerPolicy[] policies = [new FullPolicy(), retrieved];
        StepWork full = policies[0].Work(Shape.Layer(0), 1000), fetching = policies[1].Work(Shape.Layer(1), 1000);
        long weights = 100 + 300;

        // Batch 3: a full layer's arithmetic takes longer than its bytes, and longer than the next layer's prefetch.
        StepTime time = LatencyModel.Predict(Counting, Shape, 600, policies, 1000, 3);
        long first = 10 + (2 * full.MultiplyAdds * 3), second = 30 + (fetching.DeviceBytes * 3), fetch = 1000 + (4 * fetching.FetchedBytes * 3);
        long prefetch = 1000 + (4 * fetching.PrefetchedBytes * 3);
        Assert.True(prefetch < weights + first);
        Assert.Equal(
            new StepTime { WeightsNanoseconds = 2 * weights, AttentionNanoseconds = first + second, FetchesNanoseconds = fetch, WaitingNanoseconds = 0 }, time);
        Assert.Equal(new LayerTime(weights + second + fetch, prefetch), LatencyModel.Layer(Counting, Shape, 600, 1, retrieved, 1000, 3));

        // Over a slow link the prefetch is what takes the time; where transfers do not overlap, the layer itself fetches.
        Machine slow = Counting with { LinkBytesPerSecond = 0.01e9 };
        prefetch = 1000 + (100 * fetching.PrefetchedBytes * 3);
        fetch = 1000 + (100 * fetching.FetchedBytes * 3);
        time = LatencyModel.Predict(slow, Shape, 600, policies, 1000, 3);
        Assert.True(prefetch > weights + first);
        Assert.Equal(prefetch - (weights + first), time.WaitingNanoseconds);
        Assert.Equal(prefetch + weights + second + fetch, time.TotalNanoseconds);
        StepTime serial = LatencyModel.Predict(slow with { OverlapsTransfers = false }, Shape, 600, policies, 1000, 3);
        Assert.Equal((0, fetch + prefetch), (serial.WaitingNanoseconds, serial.FetchesNanoseconds));
        Assert.Equal(weights + first + weights + second + fetch + prefetch, serial.TotalNanoseconds);
    }

    [Property(MaxTest = 500)]
    public void Parts_add_up_to_the_longer_of_each_layer_and_the_prefetch_of_the_next(Machine machine, ModelProfile profile, DoNotSize<uint> tokens, byte texts)
    {
        LayerPolicy[] policies = Policies(profile);
        ModelShape shape = profile.Model.Shape;
        int context = 1 + (int)(tokens.Item % 5000), batch = 1 + (texts % 8);
        LayerTime[] layers = [.. policies.Select((policy, layer) => LatencyModel.Layer(machine, shape, profile.Model.WeightBytes, layer, policy, context, batch))];
        long total = 0;
        for (int layer = 0; layer < layers.Length; layer++)
        {
            long next = layer + 1 < layers.Length ? layers[layer + 1].Prefetch : 0;
            total += layers[layer].Work > next ? layers[layer].Work : next;
        }

        StepTime time = LatencyModel.Predict(machine, shape, profile.Model.WeightBytes, policies, context, batch);
        Assert.Equal(total, time.TotalNanoseconds);
        Assert.Equal(layers.Sum(layer => layer.Work), time.TotalNanoseconds - time.WaitingNanoseconds);
        Assert.All(
            new[] { time.WeightsNanoseconds, time.AttentionNanoseconds, time.FetchesNanoseconds, time.WaitingNanoseconds }, part => Assert.True(part >= 0));
    }

    [Property(MaxTest = 500)]
    public void No_step_takes_less_time_when_something_grows_or_slows_down(Machine machine, ModelProfile profile, DoNotSize<uint> tokens, byte texts, byte growth)
    {
        LayerPolicy[] policies = Policies(profile);
        int context = 1 + (int)(tokens.Item % 5000), batch = 1 + (texts % 8), more = 1 + growth;
        long weightBytes = profile.Model.WeightBytes;
        long time = Time(machine, weightBytes, context, batch);
        Assert.All(
            new[]
            {
                Time(machine, weightBytes, context + more, batch), Time(machine, weightBytes, context, batch + more), Time(machine, weightBytes * 2, context, batch),
                Time(machine with { DeviceBytesPerSecond = machine.DeviceBytesPerSecond / 2 }, weightBytes, context, batch),
                Time(machine with { LinkBytesPerSecond = machine.LinkBytesPerSecond / 2 }, weightBytes, context, batch),
                Time(machine with { LinkSeconds = machine.LinkSeconds * 2 }, weightBytes, context, batch),
                Time(machine with { OverlapsTransfers = false }, weightBytes, context, batch),
                Time(machine with { Kernels = new KernelRates(Slower(machine.Kernels.Weights), machine.Kernels.Attention.ToDictionary(rate => rate.Key, rate => rate.Key == "refined" ? Slower(rate.Value) : rate.Value)) }, weightBytes, context, batch),
            },
            slower => Assert.True(slower >= time));

        long Time(Machine on, long weights, int length, int count) => LatencyModel.Predict(on, profile.Model.Shape, weights, policies, length, count).TotalNanoseconds;

        static KernelRate Slower(KernelRate rate) => new(rate.Seconds * 2, rate.MultiplyAddsPerSecond / 2);
    }

    /// <summary>A step reads no byte of the cache twice but what it has fetched, and little is allocated that it does not read.</summary>
    [Property(MaxTest = 500)]
    public void A_step_reads_what_the_cache_takes(ModelProfile profile, DoNotSize<uint> more)
    {
        LayerPolicy[] policies = Policies(profile);
        int context = 500 + (int)(more.Item % 4500);
        for (int layer = 0; layer < policies.Length; layer++)
        {
            LayerShape shape = profile.Model.Shape.Layer(layer);
            StepWork work = policies[layer].Work(shape, context);
            long read = work.DeviceBytes - work.PrefetchedBytes - work.FetchedBytes, taken = policies[layer].Bytes(shape, context).Device;
            // A full layer has room for whole tiles of keys.
            long spare = (2 * CacheBytes.Alignment) + (policies[layer] is FullPolicy full ? (FullPolicy.TileTokens - 1) * shape.HeadDim * full.Precision.Bytes() : 0);
            Assert.InRange(read, policies[layer] is WindowedPolicy ? 0 : taken - (shape.KvHeads * spare), taken);
            Assert.Equal(work.PrefetchedBytes + work.FetchedBytes, policies[layer].HostBytesPerStep(shape, context));
            Assert.Equal(policies[layer].Bytes(shape, context).Host > 0, work.FetchedBytes > 0);
        }
    }

    [Fact]
    public void The_largest_numbers_do_not_overflow()
    {
        ModelShape shape = Shape with { Layers = 1 << 10, Heads = 1 << 11, KvHeads = 1 << 11, HeadDim = 512 };
        Assert.Null(shape.Problem());
        Machine slow = Counting with { DeviceBytesPerSecond = 1, LinkBytesPerSecond = 1, LinkSeconds = 1e6 };
        Assert.Null(slow.Problem());
        LayerPolicy[] policies = [new FullPolicy(), .. Enumerable.Repeat(new RetrievedPolicy { TopK = 1 << 24, Index = new CriticalChannels(512) }, shape.Layers - 1)];
        StepTime time = LatencyModel.Predict(slow, shape, 1L << 60, policies, 1 << 28, int.MaxValue);
        Assert.Equal(LatencyModel.MostNanoseconds * shape.Layers, time.WeightsNanoseconds);
        Assert.InRange(time.TotalNanoseconds, time.WeightsNanoseconds, long.MaxValue);
    }

    private static LayerPolicy[] Policies(ModelProfile profile) => [.. profile.Layers.Select(layer => layer.Options[0].Policy)];
}
