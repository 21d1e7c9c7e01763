using FsCheck.Xunit;
using TailorKV.Planner;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Runtime;
using TailorKV.Runtime.Sessions;
using TailorKV.Runtime.Tests;
using TailorKV.Runtime.Tests.Models;
using TailorKV.Runtime.Tests.Sessions;
using TailorKV.Torch.Tests.Cache;

namespace TailorKV.Torch.Tests.Sessions;

public sealed class SessionBytesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly CausalLanguageModel _model;

    public SessionBytesTests()
    {
        new TinyModel("qwen3").WriteFolder(_folder.Path);
        _model = CausalLanguageModel.Load(_folder.Path, TestedTorch.Instance.Backend);
    }

    [Fact]
    public void A_plan_that_does_not_fit_is_refused_before_weights_are_loaded()
    {
        Plan plan = Plan.Uniform(_model.Fingerprint, 1 << 28, new FullPolicy());
        string message = Assert.Throws<CapacityExceededException>(() => _model.CreateSession(plan)).Message;
        Assert.Contains($"the weights of {_model.Fingerprint.Name} included, takes {plan.Memory.Device + plan.Memory.Host} bytes", message, StringComparison.Ordinal);
        Assert.False(_model.IsLoaded);
    }

    public void Dispose()
    {
        _model.Dispose();
        _folder.Dispose();
    }

    [Property(MaxTest = 200, Arbitrary = [typeof(TorchCases)])]
    public void What_a_session_takes_is_what_its_plan_predicts(TinyPolicies kept, FsCheck.PositiveInt context, FsCheck.PositiveInt chunk)
    {
        Plan plan = Plan.From(_model.Fingerprint, 1 + (context.Get * 37 % 2999), [kept.First, kept.Second], 1 + (chunk.Get * 7 % 599), TinyPolicies.Calibrations);
        using Session session = _model.CreateSession(plan);
        Assert.Equal((plan.Memory.Device, plan.Memory.Host), (session.MeasuredDeviceBytes, session.MeasuredHostBytes));
    }
}
