using TailorKV.Planner.Machines;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Profiles;

namespace TailorKV.Benchmarks.Planner;

/// <summary>A profile and limits of device bytes, host bytes and time that all bind, or nearly so.</summary>
/// <param name="Profile">The profile.</param>
/// <param name="Target">The limits.</param>
internal sealed record PlanningCase(ModelProfile Profile, PlanTarget Target)
{
    /// <summary>Tokens of context.</summary>
    private const int Context = 32768;

    /// <summary>Makes a case: a fifth of the full cache on the device, half of the layers' exact rows on the host, and half way from the time of the best such plan to the shortest.</summary>
    /// <param name="seed">The same seed gives the same case.</param>
    /// <param name="layers">Layers.</param>
    /// <param name="options">Options of a layer.</param>
    public static PlanningCase Make(int seed, int layers, int options)
    {
        Machine machine = Machine.Load("h100");
        ModelProfile profile = SyntheticProfile.Make(seed, layers, options, Context, machine);
        long cache = profile.Model.Shape.FullCacheBytes(Context);
        MemoryBreakdown fixedParts = MemoryModel.Predict(profile.Model.Shape, profile.Model.WeightBytes, [], Context, PlanTarget.DefaultPrefillChunk);
        var bytes = new PlanTarget { Context = Context, Machine = machine, DeviceBytes = fixedParts.Device + (cache / 5), HostBytes = fixedParts.Host + (cache / 2) };
        double seconds = new PlanBuilder(profile, bytes).Build().Time!.TotalNanoseconds * 1e-9;
        return new PlanningCase(profile, bytes with { StepSeconds = (seconds + Shortest(profile, bytes)) / 2 });
    }

    /// <summary>The best plan, with proof.</summary>
    public Plan Solve()
    {
        Plan plan = new PlanBuilder(Profile, Target).Build();
        return plan.Solver is { Gap: 0 } ? plan : throw new InvalidOperationException("The plan is not proved to be the best.");
    }

    /// <summary>The shortest time of a token, in seconds, of any plan within the limits of bytes.</summary>
    public static double Shortest(ModelProfile profile, PlanTarget target)
    {
        try
        {
            _ = new PlanBuilder(profile, target with { StepSeconds = 0 }).Build();
            return 0;
        }
        catch (InfeasiblePlanException e)
        {
            return e.Smallest ?? throw new InvalidOperationException("The limits of bytes leave no plan.", e);
        }
    }
}
