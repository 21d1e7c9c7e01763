using TailorKV.Planner.Plans;
using TailorKV.Planner.Profiles;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Sessions;
using TailorKV.Tests;

namespace TailorKV.Runtime.Tests.Sessions;

/// <summary>Contexts so long that a session's buffers have more than 2^31 elements. Of their memory little is touched.</summary>
public sealed class LongContextTests
{
    /// <summary>Hidden states of 1,048,576 tokens of 2,048 numbers are 2^31.</summary>
    [Theory]
    [InlineData(1_048_576)]
    [InlineData(1_048_575)]
    public void A_plan_that_is_optimal_opens_and_runs(int context)
    {
        string folder = SharedData.Require("cases/16-two-to-the-31");
        Plan plan = new PlanBuilder(ModelProfile.Load(Path.Combine(folder, "wide2.profile.json")), new PlanTarget { Context = context }).Build();
        Assert.Equal("optimal", plan.Solver!.Status);
        using CausalLanguageModel model = CausalLanguageModel.Load(Path.Combine(folder, "model"));
        long bytes = plan.Memory.Device - plan.Memory.Weights + plan.Memory.Host;
        Assert.SkipUnless(bytes <= FreeMemory.Bytes(), $"{bytes} bytes of memory are not free");
        int[] tokens = [1, 2, 3, 4, 5];
        using Session session = model.CreateSession(plan), same = model.CreateSession(Plan.From(plan.Model, 16, plan.Policies));
        Assert.Equal((plan.Memory.Device, plan.Memory.Host), (session.MeasuredDeviceBytes, session.MeasuredHostBytes));
        Assert.Equal(same.Prefill(tokens).ToArray(), session.Prefill(tokens).ToArray());
        Assert.Equal(same.Decode(6).ToArray(), session.Decode(6).ToArray());
        int read = 0;
        session.PromptLogits(1, (_, _) => read++);
        Assert.Equal(tokens.Length - 1, read);
    }
}
