using FsCheck.Xunit;
using TailorKV.Planner.Plans;
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
