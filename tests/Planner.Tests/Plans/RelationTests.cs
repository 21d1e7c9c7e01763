using FsCheck;
using FsCheck.Fluent;
using TailorKV.Planner.Machines;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;
using TailorKV.Planner.Solver;
using TailorKV.Testing;

namespace TailorKV.Planner.Tests.Plans;

/// <summary>How plans of related problems compare; larger problems than can be tried exhaustively.</summary>
public sealed class RelationTests
{
    [Fact]
    public void Loss_never_rises_when_a_limit_is_relaxed()
    {
        int better = 0;
        var cases = from problem in Problems
                    from limit in Gen.Choose(0, 3)
                    from more in Gen.Elements<double?>(1.0001, 1.1, 2, null)
                    select (Tight: problem, Loose: problem with { Target = Relaxed(problem.Target, limit, more) });
        Holds(cases, 400, one =>
        {
            if (one.Tight.Build() is not { } tight)
                return;
            Plan loose = one.Loose.Builder.Build();
            Assert.True(loose.PredictedLoss <= tight.PredictedLoss + 1e-13);
            better += loose.PredictedLoss < tight.PredictedLoss ? 1 : 0;
        });
        Assert.True(better > 0);

        static PlanTarget Relaxed(PlanTarget target, int limit, double? more) => limit switch
        {
            0 => target with { DeviceBytes = (long?)(target.DeviceBytes * more) },
            1 => target with { HostBytes = (long?)(target.HostBytes * more) },
            2 => target with { StepSeconds = target.StepSeconds * more },
            _ => target with { Loss = target.Loss * more },
        };
    }

    [Fact]
    public void An_option_more_never_hurts()
    {
        int better = 0;
        var cases = from problem in Problems
                    from layer in Gen.Choose(0, problem.Profile.Layers.Count - 1)
                    from policy in PolicyGenerators.Any(problem.Profile.Model.Shape.Layer(layer), layer)
                    from loss in Gen.Choose(0, 500)
                    select (Problem: problem, Layer: layer, Option: new MeasuredOption { Policy = policy, Loss = loss / 1000.0, OutputError = 0 });
        Holds(cases, 400, one =>
        {
            if (one.Problem.Build() is not { } plan)
                return;
            Plan withMore = WithOptions(one.Problem, layer => layer.Layer == one.Layer ? [.. layer.Options, one.Option] : layer.Options).Builder.Build();
            Assert.True(withMore.PredictedLoss <= plan.PredictedLoss + 1e-13);
            better += withMore.PredictedLoss < plan.PredictedLoss ? 1 : 0;
        });
        Assert.True(better > 0);
    }

    [Fact]
    public void Options_that_another_beats_in_everything_change_nothing()
    {
        int dropped = 0;
        Holds(Problems, 400, problem =>
        {
            string? plan = Text(problem);
            // Beaten by one that is as it is, or equal to it.
            Assert.Equal(plan, Text(WithOptions(problem, layer => [.. layer.Options, .. layer.Options.Select(option => option with { Loss = option.Loss + 1e-9 }), .. layer.Options])));
            PlanningProblem fewer = WithOptions(problem, layer => [.. layer.Options.Where(option => !layer.Options.Any(other => Beats(problem, layer.Layer, other, option)))]);
            Assert.Equal(plan, Text(fewer));
            dropped += problem.Profile.Layers.Zip(fewer.Profile.Layers, (before, after) => before.Options.Count - after.Options.Count).Sum();
        });
        Assert.True(dropped > 0);
    }

    /// <summary>Layers of equal shape have equal roles where nothing prefetches (so that none depends on the layer before) and no constraint tells layers apart.</summary>
    [Fact]
    public void Permuted_layers_make_a_permuted_plan()
    {
        int unique = 0;
        var cases = from problem in ProblemGenerators.Small(mostLayers: 4)
                    let profile = problem.Profile with
                    {
                        Model = problem.Profile.Model with { Shape = problem.Profile.Model.Shape with { SlidingWindows = null } },
                        Layers = [.. problem.Profile.Layers.Select(layer => layer with { Options = [.. layer.Options.Where(option => !Predicts(option.Policy))] })],
                    }
                    where problem.Target.Goal != PlanGoal.MostContext && profile.Layers.All(layer => layer.Options.Count > 0)
                    from order in Gen.Shuffle(Enumerable.Range(0, profile.Layers.Count).ToArray())
                    select (Problem: problem with { Profile = profile, Options = problem.Options with { Constraints = [] } }, Order: order.ToArray());
        Holds(cases, 400, one =>
        {
            (PlanningProblem problem, int[] order) = one;
            LayerProfile[] layers = [.. order.Select((from, to) => problem.Profile.Layers[from] with { Layer = to })];
            Plan? plan = problem.Build(), permuted = (problem with { Profile = problem.Profile with { Layers = layers } }).Build();
            Assert.Equal(plan?.Memory.Device, permuted?.Memory.Device);
            if (plan is null || permuted is null)
                return;
            Assert.Equal(plan.PredictedLoss!.Value, permuted.PredictedLoss!.Value, 1e-12);
            ExhaustivePlans.Price best = ExhaustivePlans.PriceOf(problem, plan, problem.Options.PrefillChunks.Min());
            if (ExhaustivePlans.OfSmallestChunk(problem).Count(other => (other.Loss, other.Device) == (best.Loss, best.Device)) > 1)
                return;
            unique++;
            Assert.Equal(order.Select(from => plan.Policies[from]), permuted.Policies);
        });
        Assert.True(unique > 0);
    }

    private static Gen<PlanningProblem> Problems =>
        ProblemGenerators.Small(mostLayers: 6, mostOptions: 8).Select(problem => problem with { Target = problem.Target with { Goal = PlanGoal.LeastLoss } });

    private static bool Predicts(LayerPolicy policy) => policy is RetrievedPolicy { Index: CriticalChannels };

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
                Math.Round(option.Loss * 1e12), bytes.Device, bytes.Host, bytes.Staging, time.Work, time.Prefetch, Predicts(option.Policy) ? 1 : 0,
                .. problem.Options.Constraints.Where(constraint => constraint.Sense != ConstraintSense.AtLeast).Select(constraint => (double)constraint.Coefficient(layer, option.Policy)),
                .. problem.Options.Constraints.Where(constraint => constraint.Sense != ConstraintSense.AtMost).Select(constraint => -(double)constraint.Coefficient(layer, option.Policy)),
            ];
        }
    }

    private static PlanningProblem WithOptions(PlanningProblem problem, Func<LayerProfile, IReadOnlyList<MeasuredOption>> options) =>
        problem with { Profile = problem.Profile with { Layers = [.. problem.Profile.Layers.Select(layer => layer with { Options = options(layer) })] } };

    private static string? Text(PlanningProblem problem) => problem.Build() is { } plan ? Json.Write(plan) : null;

    private static void Holds<T>(Gen<T> cases, int count, Action<T> body)
    {
        Property.Holds(cases, count, body);
    }
}
