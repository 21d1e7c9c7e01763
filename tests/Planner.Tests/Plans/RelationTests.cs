using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using TailorKV.Planner.Machines;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Profiles;
using TailorKV.Planner.Solver;
using TailorKV.Testing;

namespace TailorKV.Planner.Tests.Plans;

/// <summary>How plans of related problems compare; larger problems than can be tried exhaustively.</summary>
public sealed class RelationTests : IDisposable
{
    private static readonly double?[] Relaxations = [1.0001, 1.1, 2, null];

    private readonly Tally _tally = new();

    public void Dispose() => _tally.Dispose();

    [Property(Arbitrary = [typeof(Problems.LargerOfLeastLoss)], MaxTest = 400)]
    public void Loss_never_rises_when_a_limit_is_relaxed(PlanningProblem problem, byte limit, byte relaxation)
    {
        Plan? tight = problem.Build();
        Plan? loose = tight is null ? null : (problem with { Target = Relaxed(problem.Target, Relaxations[relaxation % Relaxations.Length]) }).Builder.Build();
        _tally.Count("better", loose?.PredictedLoss < tight?.PredictedLoss, least: 1);
        Assert.True(tight is null || loose!.PredictedLoss <= tight.PredictedLoss + 1e-13);

        PlanTarget Relaxed(PlanTarget target, double? more) => (limit % 4) switch
        {
            0 => target with { DeviceBytes = (long?)(target.DeviceBytes * more) },
            1 => target with { HostBytes = (long?)(target.HostBytes * more) },
            2 => target with { StepSeconds = target.StepSeconds * more },
            _ => target with { Loss = target.Loss * more },
        };
    }

    [Property(Arbitrary = [typeof(Problems.LargerOfLeastLoss)], MaxTest = 400)]
    public Property An_option_more_never_hurts(PlanningProblem problem, DoNotSize<uint> pick, DoNotSize<ushort> thousandths)
    {
        int index = (int)(pick.Item % problem.Profile.Layers.Count);
        return Prop.ForAll(PolicyGenerators.Any(problem.Profile.Model.Shape.Layer(index), index).ToArbitrary(), policy =>
        {
            MeasuredOption option = new() { Policy = policy, Loss = thousandths.Item % 501 / 1000.0, OutputError = 0 };
            Plan? plan = problem.Build();
            Plan? withMore = plan is null ? null : WithOptions(problem, layer => layer.Layer == index ? [.. layer.Options, option] : layer.Options).Builder.Build();
            _tally.Count("better", withMore?.PredictedLoss < plan?.PredictedLoss, least: 1);
            Assert.True(plan is null || withMore!.PredictedLoss <= plan.PredictedLoss + 1e-13);
        });
    }

    [Property(Arbitrary = [typeof(Problems.LargerOfLeastLoss)], MaxTest = 400)]
    public void Options_that_another_beats_in_everything_change_nothing(PlanningProblem problem)
    {
        string? plan = Text(problem);
        // Beaten by one that is as it is, or equal to it.
        Assert.Equal(plan, Text(WithOptions(problem, layer => [.. layer.Options, .. layer.Options.Select(option => option with { Loss = option.Loss + 1e-9 }), .. layer.Options])));
        PlanningProblem fewer = WithOptions(problem, layer => [.. layer.Options.Where(option => !layer.Options.Any(other => Beats(problem, layer.Layer, other, option)))]);
        Assert.Equal(plan, Text(fewer));
        _tally.Count("dropped", problem.Profile.Layers.Zip(fewer.Profile.Layers, (before, after) => before.Options.Count - after.Options.Count).Sum(), least: 1);
    }

    /// <summary>Layers of equal shape have equal roles where nothing prefetches and no constraint tells layers apart.</summary>
    [Property(Arbitrary = [typeof(Problems.WithoutOrder)], MaxTest = 400)]
    public Property Permuted_layers_make_a_permuted_plan(PlanningProblem problem)
    {
        return Prop.ForAll(Gen.Shuffle(Enumerable.Range(0, problem.Profile.Layers.Count).ToArray()).ToArbitrary(), order =>
        {
            LayerProfile[] layers = [.. order.Select((from, to) => problem.Profile.Layers[from] with { Layer = to })];
            Plan? plan = problem.Build(), permuted = (problem with { Profile = problem.Profile with { Layers = layers } }).Build();
            Assert.Equal(plan?.Memory.Device, permuted?.Memory.Device);
            bool unique = plan is not null && permuted is not null && IsUnique(problem, plan);
            _tally.Count("unique", unique, least: 1);
            if (plan is null || permuted is null)
                return;
            Assert.Equal(plan.PredictedLoss!.Value, permuted.PredictedLoss!.Value, 1e-12);
            if (unique)
                Assert.Equal(order.Select(from => plan.Policies[from]), permuted.Policies);
        });
    }

    private static bool IsUnique(PlanningProblem problem, Plan plan)
    {
        ExhaustivePlans.Price best = ExhaustivePlans.PriceOf(problem, plan, problem.Options.PrefillChunks.Min());
        return ExhaustivePlans.OfSmallestChunk(problem).Count(other => (other.Loss, other.Device) == (best.Loss, best.Device)) <= 1;
    }

    /// <summary>Whether one option of a layer is better than another in something that a plan may depend on, and worse in nothing.</summary>
    private static bool Beats(PlanningProblem problem, int layer, MeasuredOption one, MeasuredOption other)
    {
        double[] a = Counts(one), b = Counts(other);
        return a.Zip(b).All(pair => pair.First <= pair.Second) && !a.SequenceEqual(b);

        double[] Counts(MeasuredOption option)
        {
            (ModelFingerprint model, PlanTarget target) = (problem.Profile.Model, problem.Target);
            CacheBytes bytes = option.Policy.Bytes(model.Shape.Layer(layer), target.Context);
            LayerTime time = target.Machine is { } machine ? LatencyModel.Layer(machine, model.Shape, model.WeightBytes, layer, option.Policy, target.Context, target.Batch) : default;
            return
            [
                Math.Round(option.Loss * 1e12), bytes.Device, bytes.Host, bytes.Staging, time.Work, time.Prefetch, Problems.Predicts(option.Policy) ? 1 : 0,
                .. problem.Options.Constraints.Where(constraint => constraint.Sense != ConstraintSense.AtLeast).Select(constraint => (double)constraint.Coefficient(layer, option.Policy)),
                .. problem.Options.Constraints.Where(constraint => constraint.Sense != ConstraintSense.AtMost).Select(constraint => -(double)constraint.Coefficient(layer, option.Policy)),
            ];
        }
    }

    private static PlanningProblem WithOptions(PlanningProblem problem, Func<LayerProfile, IReadOnlyList<MeasuredOption>> options) =>
        problem with { Profile = problem.Profile with { Layers = [.. problem.Profile.Layers.Select(layer => layer with { Options = options(layer) })] } };

    private static string? Text(PlanningProblem problem) => problem.Build() is { } plan ? plan.ToJson() : null;
}
