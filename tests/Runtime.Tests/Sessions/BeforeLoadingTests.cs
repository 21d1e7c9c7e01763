using TailorKV.Planner;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Sessions;
using TailorKV.Runtime.Tests.Backends.Plain;
using TailorKV.Runtime.Tests.Models;

namespace TailorKV.Runtime.Tests.Sessions;

/// <summary>What is refused, and what is read, before weights are brought to a device, on a device with as much memory as a test says.</summary>
public sealed class BeforeLoadingTests : IDisposable
{
    private const int Context = 40;

    private readonly TemporaryFolder _folder = new();
    private readonly PlainBackend _backend;
    private readonly CausalLanguageModel _model;

    public BeforeLoadingTests()
    {
        var tiny = new TinyModel("llama");
        tiny.WriteFolder(_folder.Path);
        _backend = new PlainBackend(tiny);
        _model = CausalLanguageModel.Load(_folder.Path, _backend);
    }

    [Fact]
    public void A_plan_must_fit_together_with_the_weights_and_then_alone()
    {
        Plan plan = Plan.Uniform(_model.Fingerprint, Context, new FullPolicy());
        long together = Math.Max(plan.Memory.Device, plan.Memory.Host);
        _backend.Free = together - 1;
        foreach (Action refused in (Action[])[() => _model.RequirePlan(plan), () => _model.CreateSession(plan), () => _model.CreateFullSession(Context)])
        {
            string message = Assert.Throws<CapacityExceededException>(refused).Message;
            Assert.Contains($"a session of {Context} tokens, the weights of {_model.Fingerprint.Name} included, takes {plan.Memory.Device} and {plan.Memory.Host} bytes, and {together - 1} are free", message, StringComparison.Ordinal);
        }

        Assert.False(_model.IsLoaded);
        _backend.Free = together;
        _model.CreateSession(plan).Dispose();
        Assert.True(_model.IsLoaded);
        // The weights are there now, and are not counted twice.
        _backend.Free = Math.Max(plan.Memory.Device - plan.Memory.Weights, plan.Memory.Host);
        _model.CreateSession(plan).Dispose();
    }

    [Fact]
    public void What_files_say_is_read_without_loading_and_a_plan_for_another_model_is_named_first()
    {
        Plan plan = Plan.Uniform(_model.Fingerprint, Context, new FullPolicy());
        _backend.Free = 0;
        Plan other = plan with { Model = plan.Model with { WeightBytes = plan.Model.WeightBytes + 1 } };
        Assert.Contains("the plan is for the model", Assert.Throws<TailorKVException>(() => _model.RequirePlan(other)).Message, StringComparison.Ordinal);
        Assert.False(_model.IsLoaded);
    }

    [Fact]
    public void A_model_that_is_disposed_of_is_not_loaded()
    {
        _model.Dispose();
        Assert.Throws<ObjectDisposedException>(() => _model.CreateTransformer(Context));
        Assert.False(_model.IsLoaded);
    }

    [Fact]
    public void Sessions_made_at_once_share_one_loading()
    {
        var sessions = new Session[8];
        Parallel.For(0, sessions.Length, i => sessions[i] = _model.CreateFullSession(Context));
        Assert.Equal(1, _backend.Loads);
        foreach (Session session in sessions)
            session.Dispose();
    }

    public void Dispose()
    {
        _model.Dispose();
        _backend.Dispose();
        _folder.Dispose();
    }
}
