using System.Text.Json.Nodes;
using FsCheck.Xunit;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Profiles;
using TailorKV.Testing;

namespace TailorKV.Planner.Tests.Plans;

/// <summary>The standard error of a plan's predicted loss.</summary>
public sealed class PredictedLossErrorTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    /// <summary>The sum of its layers' and its weights', each as the profile has it; not known where one of them is not.</summary>
    [Property(Arbitrary = [typeof(Arbitraries)], MaxTest = 200)]
    public void It_is_the_sum_of_the_layers_errors(ModelProfile profile, byte unknown)
    {
        ModelProfile known = WithErrors(profile, (option, _) => option.Loss / 4);
        var options = new PlanOptions { AnyWeights = true };
        var target = new PlanTarget { Context = 1000, Goal = unknown % 2 == 0 ? PlanGoal.LeastLoss : PlanGoal.FewestBytes };
        Plan plan = new PlanBuilder(known, target, options).Build();
        double weights = known.Weights?.FirstOrDefault(choice => choice.WeightsHash == plan.Model.WeightsHash)?.LossError ?? 0;
        Assert.Equal(plan.Layers.Sum(layer => layer.LossError!.Value) + weights, plan.PredictedLossError!.Value, 1e-12);
        Assert.All(plan.Layers, layer => Assert.Equal(layer.Loss / 4, layer.LossError));

        int lacking = unknown % profile.Layers.Count;
        Plan unsure = new PlanBuilder(WithErrors(known, (option, layer) => layer == lacking ? null : option.LossError), target, options).Build();
        Assert.Null(unsure.PredictedLossError);
        Assert.Null(unsure.Layers[lacking].LossError);
        // What is known of an error changes no choice.
        Assert.Equal(plan.Policies, unsure.Policies);
    }

    /// <summary>Files of releases that did not know it are read, and written again as they were.</summary>
    [Property(Arbitrary = [typeof(Arbitraries)], MaxTest = 100)]
    public void Files_without_it_are_read(ModelProfile profile, Plan plan)
    {
        string profileText = Without(profile.ToJson(), "lossError"), planText = Without(Without(plan.ToJson(), "lossError"), "predictedLossError");
        File.WriteAllText(_path, profileText);
        ModelProfile readProfile = ModelProfile.Load(_path);
        Assert.All(readProfile.Layers, layer => Assert.All(layer.Options, option => Assert.Null(option.LossError)));
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(profileText), JsonNode.Parse(readProfile.ToJson())));
        File.WriteAllText(_path, planText);
        Plan read = Plan.Load(_path);
        Assert.Null(read.PredictedLossError);
        Assert.Equal(plan.PredictedLoss, read.PredictedLoss);
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(planText), JsonNode.Parse(read.ToJson())));
    }

    private static ModelProfile WithErrors(ModelProfile profile, Func<MeasuredOption, int, double?> error) => profile with
    {
        Layers = [.. profile.Layers.Select(layer => layer with { Options = [.. layer.Options.Select(option => option with { LossError = error(option, layer.Layer) })] })],
    };

    private static string Without(string text, string member)
    {
        JsonNode root = JsonNode.Parse(text)!;
        Remove(root);
        return root.ToJsonString();

        void Remove(JsonNode? node)
        {
            if (node is JsonObject one)
            {
                one.Remove(member);
                foreach ((_, JsonNode? value) in one)
                    Remove(value);
            }

            foreach (JsonNode? item in node as JsonArray ?? [])
                Remove(item);
        }
    }
}
