using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;
using TailorKV.Planner.Solver;
using TailorKV.Planner.Tests.Solver;

namespace TailorKV.Planner.Tests.Plans;

[Collection(nameof(CbcSolverTests))]
public sealed class PlanBuilderTests
{
    private const int Chunk = 16;

    [SkippableFact]
    public void Plans_are_the_best_of_all_and_say_what_would_do_where_there_is_none()
    {
        Skip.IfNot(CbcSolver.IsAvailable(out string reason), reason);
        int feasible = 0, device = 0, host = 0;
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(60), Prop.ForAll(Gen.Choose(0, int.MaxValue - 1).ToArbitrary(), seed =>
        {
            Random random = new(seed);
            ModelProfile profile = RandomProfile.Make(random);
            int context = random.Next(1, 3000);
            (double Loss, MemoryBreakdown Memory)[] all = [.. Everything(profile, context)];
            PlanTarget target = new() { Context = context, DeviceBytes = Limit(memory => memory.Device), HostBytes = Limit(memory => memory.Host) };
            var fitting = all.Where(plan => Fits(plan.Memory, target)).ToArray();
            if (fitting.Length == 0)
            {
                InfeasiblePlanException error = Assert.Throws<InfeasiblePlanException>(() => Build(profile, target));
                bool ofDevice = error.Limit == "device";
                (device, host) = ofDevice ? (device + 1, host) : (device, host + 1);
                // The smallest limit of that kind, the other being as it is, found by trying everything.
                PlanTarget open = ofDevice ? target with { DeviceBytes = null } : target with { HostBytes = null };
                long? smallest = all.Where(plan => Fits(plan.Memory, open)).Min(plan => (long?)(ofDevice ? plan.Memory.Device : plan.Memory.Host));
                Assert.Equal(smallest, error.SmallestBytes);
                if (smallest is not { } bytes)
                    return;
                Assert.Contains($"{bytes}", error.Message, StringComparison.Ordinal);
                Assert.True(Fits(Build(profile, With(bytes)).Memory, With(bytes)));
                Assert.Throws<InfeasiblePlanException>(() => Build(profile, With(bytes - 1)));
                return;

                PlanTarget With(long limit) => ofDevice ? target with { DeviceBytes = limit } : target with { HostBytes = limit };
            }

            feasible++;
            Plan plan = Build(profile, target);
            Assert.Null(plan.Problem());
            Assert.True(Fits(plan.Memory, target));
            double least = fitting.Min(one => one.Loss);
            Assert.Equal(least, plan.PredictedLoss!.Value, 1e-12);
            Assert.Equal(fitting.Where(one => one.Loss <= least + 1e-12).Min(one => one.Memory.Device), plan.Memory.Device);
            Assert.Equal("optimal", plan.Solver!.Status);
            Assert.Equal(Json.Write(plan), Json.Write(Build(profile, target)));

            // Often what some plan takes, to the byte, or one byte less.
            long? Limit(Func<MemoryBreakdown, long> part) =>
                random.Next(4) == 0 ? null : Math.Max(0, part(all[random.Next(all.Length)].Memory) - random.Next(2));
        }));
        Assert.All(new[] { feasible, device, host }, count => Assert.True(count > 0));
    }

    [Theory]
    [InlineData(0, 16)]
    [InlineData((1 << 28) + 1, 16)]
    [InlineData(100, 0)]
    [InlineData(100, 1 << 17)]
    public void Sizes_out_of_range_are_refused(int context, int chunk) =>
        Assert.Throws<TailorKVException>(() => new PlanBuilder(RandomProfile.Make(new Random(1)), new PlanTarget { Context = context }, chunk));

    private static Plan Build(ModelProfile profile, PlanTarget target) => new PlanBuilder(profile, target, Chunk).Build();

    private static bool Fits(MemoryBreakdown memory, PlanTarget target) =>
        memory.Device <= (target.DeviceBytes ?? long.MaxValue) && memory.Host <= (target.HostBytes ?? long.MaxValue);

    private static IEnumerable<(double Loss, MemoryBreakdown Memory)> Everything(ModelProfile profile, int context)
    {
        IEnumerable<MeasuredOption[]> all = [[]];
        foreach (LayerProfile layer in profile.Layers)
            all = [.. all.SelectMany(chosen => layer.Options.Select(option => chosen.Append(option).ToArray()))];
        return all.Select(chosen => (
            chosen.Sum(option => option.Loss),
            MemoryModel.Predict(profile.Model.Shape, profile.Model.WeightBytes, [.. chosen.Select(option => option.Policy)], context, Chunk)));
    }
}
