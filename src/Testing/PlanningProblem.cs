using System.Globalization;
using TailorKV.Planner;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Profiles;

namespace TailorKV.Testing;

/// <summary>All that a plan is made from: <c>new PlanBuilder(problem.Profile, problem.Target, problem.Options)</c>.</summary>
/// <param name="Profile">What was measured.</param>
/// <param name="Target">The goal and the limits.</param>
/// <param name="Options">What may be chosen besides policies, and constraints.</param>
public sealed record PlanningProblem(ModelProfile Profile, PlanTarget Target, PlanOptions Options)
{
    /// <summary>The plan builder of this problem.</summary>
    public PlanBuilder Builder => new(Profile, Target, Options);

    /// <summary>The best plan; null where none holds to the limits.</summary>
    /// <exception cref="TailorKVException">The problem is out of range.</exception>
    public Plan? Build()
    {
        try
        {
            return Builder.Build();
        }
        catch (InfeasiblePlanException)
        {
            return null;
        }
    }

    /// <summary>Everything that decides the plan, a line each, as it is shown when a property fails.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"""
        {Profile.Model.Shape}, {Profile.Model.WeightBytes} bytes of weights
        {string.Join("\n", Profile.Layers.SelectMany(layer => layer.Options.Select(option => $"layer {layer.Layer}: loss {option.Loss}, {option.Policy}")))}
        {string.Join("\n", Profile.Weights ?? [])}
        {Target}
        chunks {string.Join(", ", Options.PrefillChunks)}; {(Options.AnyWeights ? "any weights" : "the weights profiled")}
        {string.Join("\n", Options.Constraints.Select(constraint => $"{constraint.Name}: {constraint.Sense} {constraint.RightHandSide}"))}
        """);
}
