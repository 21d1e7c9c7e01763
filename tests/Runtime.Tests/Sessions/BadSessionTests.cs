using TailorKV.Planner;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Sessions;
using TailorKV.Runtime.Tests.Models;

namespace TailorKV.Runtime.Tests.Sessions;

/// <summary>What a session refuses, by name and before any work.</summary>
public sealed class BadSessionTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly CausalLanguageModel _model;

    public BadSessionTests()
    {
        new TinyModel().WriteFolder(_folder.Path);
        _model = CausalLanguageModel.Load(_folder.Path);
    }

    public void Dispose()
    {
        _model.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void A_plan_for_another_model()
    {
        Plan plan = Plan.Uniform(_model.Fingerprint, 100, new FullPolicy());
        foreach ((ModelFingerprint other, string named) in new[]
        {
            (plan.Model with { WeightsHash = "xxh128:00" }, "xxh128:00"),
            (plan.Model with { WeightBytes = 12345 }, "12345"),
            (plan.Model with { Shape = plan.Model.Shape with { Layers = 77 } }, "77 layers"),
            (plan.Model with { Shape = plan.Model.Shape with { SlidingWindows = [20, null] } }, "shape"),
        })
        {
            string message = Refused(plan with { Model = other });
            Assert.Contains("another.name", Refused(plan with { Model = other with { Name = "another.name" } }), StringComparison.Ordinal);
            Assert.Contains(named, message, StringComparison.Ordinal);
        }

        _model.CreateSession(plan with { Model = plan.Model with { Name = "renamed" } }).Dispose();
    }

    [Fact]
    public void A_plan_that_contradicts_itself()
    {
        Plan plan = Plan.Uniform(_model.Fingerprint, 100, new QuantizedPolicy { Keys = new PerTokenFormat { Bits = 4 }, Values = new PerTokenFormat { Bits = 4 } });
        PlannedLayer layer = plan.Layers[0];
        RetrievedPolicy channels = new() { TopK = 4, Index = new CriticalChannels(2) };
        foreach ((Plan bad, string named) in new[]
        {
            (plan with { Memory = plan.Memory with { Cache = plan.Memory.Cache - 64 } }, $"{plan.Memory.Device - 64}"),
            (plan with { Memory = plan.Memory with { Cache = plan.Memory.Cache - 64, Staging = plan.Memory.Staging + 64 } }, "memory"),
            (plan with { Layers = [layer] }, "1 layers"),
            (plan with { Layers = [layer, null!] }, "layers[1] is null"),
            (plan with { Layers = [layer, layer] }, "layers[1]"),
            (plan with { Layers = [layer with { Policy = channels }, plan.Layers[1]] }, "layer 0 has no layer before it"),
            (plan with { Layers = [layer with { Policy = new QuantizedPolicy { Keys = new PerTokenFormat { Bits = 5 }, Values = new PerTokenFormat { Bits = 4 } } }, plan.Layers[1]] }, "5 bits"),
            (plan with { PrefillChunk = 0 }, "prefillChunk is 0"),
            (plan with { Target = plan.Target with { Context = -1 } }, "-1 tokens"),
            (plan with { Version = 2 }, "version 2"),
        })
            Assert.Contains(named, Refused(bad), StringComparison.Ordinal);
    }

    [Fact]
    public void Tokens_that_do_not_fit()
    {
        using Session session = _model.CreateFullSession(20);
        Assert.Contains("21 tokens", Assert.Throws<CapacityExceededException>(() => session.Prefill(new int[21]).Length).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => session.Prefill([]).Length);
        session.Prefill(new int[19]);
        foreach (int token in new[] { -1, TinyModel.Vocabulary, int.MaxValue })
        {
            Assert.Contains($"{token}", Assert.Throws<ArgumentOutOfRangeException>(() => session.Prefill([0, token]).Length).Message, StringComparison.Ordinal);
            Assert.Throws<ArgumentOutOfRangeException>(() => session.Decode(token).Length);
            Assert.Throws<ArgumentOutOfRangeException>(() => session.Extend([token]));
        }

        // What was refused changed nothing.
        Assert.Equal(19, session.Tokens);
        Assert.Throws<CapacityExceededException>(() => session.Extend([1, 2]));
        session.Decode(1);
        Assert.Contains("holds 20", Assert.Throws<CapacityExceededException>(() => session.Decode(1).Length).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void More_memory_than_is_free_is_refused_before_weights_are_loaded()
    {
        Plan plan = Plan.Uniform(_model.Fingerprint, 1 << 28, new FullPolicy());
        string message = Assert.Throws<CapacityExceededException>(() => _model.CreateSession(plan)).Message;
        Assert.Contains($"{1 << 28} tokens", message, StringComparison.Ordinal);
        Assert.Contains($"{plan.Memory.Device - plan.Memory.Weights + plan.Memory.Host}", message, StringComparison.Ordinal);
        Assert.Contains("are free", message, StringComparison.Ordinal);
        Assert.False(_model.IsLoaded);
        _model.CreateFullSession(20).Dispose();
        Assert.True(_model.IsLoaded);
    }

    [Theory]
    [InlineData("model.embed_tokens.weight")]
    [InlineData("model.layers.1.self_attn.k_proj.weight")]
    [InlineData("model.layers.0.mlp.down_proj.weight")]
    [InlineData("model.layers.0.self_attn.q_proj.bias")]
    [InlineData("model.layers.1.input_layernorm.weight")]
    [InlineData("model.norm.weight")]
    [InlineData("lm_head.weight")]
    public void Weights_that_are_not_finite(string tensor)
    {
        foreach (float hostile in new[] { float.NaN, float.PositiveInfinity })
        {
            TinyModel tiny = new("qwen2");
            tiny.Tensors[tensor].Values[5] = hostile;
            tiny.WriteFolder(_folder.Path);
            var error = Assert.ThrowsAny<TailorKVException>(() =>
            {
                using CausalLanguageModel model = CausalLanguageModel.Load(_folder.Path);
                using Session session = model.CreateSession(Plan.From(
                    model.Fingerprint, 100, [new QuantizedPolicy { Keys = new PerTokenFormat { Bits = 1 }, Values = new PerTokenFormat { Bits = 1 }, Recent = 1 }, new RetrievedPolicy { TopK = 2, Recent = 0, Index = new CriticalChannels(2) }]));
                session.Prefill(new int[70]);
                session.Extend([1, 2, 3], (_, _) => { });
            });
            Assert.Contains(tensor, error.Message, StringComparison.Ordinal);
            Assert.Contains(_folder.Path, error.Message, StringComparison.Ordinal);
        }
    }

    private string Refused(Plan plan) => Assert.Throws<TailorKVException>(() => _model.CreateSession(plan)).Message;
}
