using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Memory;
using TailorKV.Torch.Cache.Queries;
using TailorKV.Torch.Memory;
using TorchSharp;

namespace TailorKV.Torch.Tests.Cache;

public sealed class PromptQueriesTests : IDisposable
{
    private static readonly LayerShape Layer = new(6, 3, 8, null);

    private readonly Arena _host;
    private readonly DeviceArena _device;

    public PromptQueriesTests()
    {
        _device = TestedTorch.Instance.Backend.TakeDevice("device", 1 << 16);
        _host = TestedTorch.Instance.Backend.TakeHost("host", 1 << 16);
    }

    public void Dispose()
    {
        _device.Dispose();
        _host.Dispose();
    }

    [Fact]
    public void What_the_host_recorded_in_chunks_is_what_came_at_once()
    {
        using var scope = torch.NewDisposeScope();
        torch.Tensor queries = torch.randn([50, 6, 8], generator: new torch.Generator(1));
        TorchPromptQueries recorded = new(new PromptQueryNeeds(40, Moments: true), Layer, softCap: null, _host), copied = Make(32), whole = Make(32);
        recorded.Add(0, queries.narrow(0, 0, 13), rotary: null);
        recorded.Add(13, queries.narrow(0, 13, 37), rotary: null);
        copied.CopyFrom(recorded);
        whole.Add(0, queries, rotary: null);
        Assert.Equal((50, 18), (copied.Tokens, copied.FirstKept));
        for (int position = copied.FirstKept; position < 50; position++)
            Assert.Equal(queries.select(0, position).data<float>().ToArray(), copied.At(position).contiguous().data<float>().ToArray());
        torch.Tensor mean = queries.mean([0]), one = queries.select(1, 5), covariance = one.t().matmul(one) / 50 - (mean.select(0, 5).unsqueeze(1) * mean.select(0, 5));
        Assert.True(copied.Moments().Mean.flatten(0, 1).to(torch.ScalarType.Float32).allclose(mean, atol: 1e-5));
        Assert.True(copied.Moments().Covariance.select(0, 2).select(0, 1).to(torch.ScalarType.Float32).allclose(covariance, atol: 1e-5));
        Assert.True(whole.Moments().Covariance.allclose(copied.Moments().Covariance, atol: 1e-9));
    }

    [Fact]
    public void What_was_not_recorded_cannot_be_copied()
    {
        TorchPromptQueries few = new(new PromptQueryNeeds(8, Moments: true), Layer, softCap: null, _host), noMoments = new(new PromptQueryNeeds(32, Moments: false), Layer, softCap: null, _host);
        Assert.Throws<ArgumentException>(() => Make(32).CopyFrom(few));
        Assert.Throws<ArgumentException>(() => Make(32).CopyFrom(noMoments));
    }

    private TorchPromptQueries Make(int last) => new(new PromptQueryNeeds(last, Moments: true), Layer, softCap: null, (TorchArena)_device);
}
