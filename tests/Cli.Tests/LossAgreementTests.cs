using System.Globalization;
using System.Text.Json;
using FsCheck;
using FsCheck.Xunit;
using TailorKV.Cli.Reports;
using TailorKV.Cli.Results;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Profiler.Verification;

namespace TailorKV.Cli.Tests;

/// <summary>What 'verify' says of a plan's loss.</summary>
public class LossAgreementTests(ToolFixture tool) : IClassFixture<ToolFixture>
{
    [Theory]
    [InlineData(0.048, 0.004, 0.083, 0.009, "above", "Loss: above what was predicted, 0.0830 ± 0.0090 measured against 0.0480 ± 0.0040 predicted. This text is harder ")]
    [InlineData(0.048, 0.004, 0.053, 0.009, "within", "Loss: within two standard errors of what was predicted, 0.0530 ± 0.0090 measured against 0.0480 ± 0.0040 predicted.")]
    [InlineData(0.048, 0.004, 0.001, 0.0005, "below", "Loss: below what was predicted, 0.0010 ± 0.0005 measured against 0.0480 ± 0.0040 predicted. This text is easier ")]
    [InlineData(0.048, null, 0.083, 0.009, null, "Loss: 0.0830 ± 0.0090 measured against 0.0480 predicted. How sure the prediction is the plan does not say")]
    [InlineData(0.048, 0.004, 0.083, null, null, "Loss: 0.0830 measured against 0.0480 ± 0.0040 predicted. How sure that is cannot be told")]
    [InlineData(null, null, 0.083, 0.009, null, "Loss: the plan predicts none, it was written by hand.")]
    [InlineData(0.048, 0.004, double.NaN, 0.009, null, "Loss: NaN ")]
    [InlineData(2e-8, 0.0, 9e-7, 1e-9, "within", "Loss: within ")]
    public void Each_case_has_its_words(double? predicted, double? predictedError, double measured, double? measuredError, string? agreement, string words)
    {
        VerifyResult.LossPrediction loss = Of(predicted, predictedError, measured, measuredError);
        Assert.Equal(agreement, loss.Agreement);
        Assert.StartsWith(words, LossReport.Line(loss), StringComparison.Ordinal);
    }

    /// <summary>What is surer is within less, and what is above of one is below of the other.</summary>
    [Property]
    public void It_is_within_twice_the_root_of_both_errors_squares(NormalFloat first, NormalFloat second, NormalFloat firstError, NormalFloat secondError)
    {
        (double a, double b) = (Math.Abs(first.Get), Math.Abs(second.Get));
        (double ofA, double ofB) = (Math.Abs(firstError.Get), Math.Abs(secondError.Get));
        string? agreement = Of(a, ofA, b, ofB).Agreement;
        Assert.Equal(agreement switch { "above" => "below", "below" => "above", _ => "within" }, Of(b, ofB, a, ofA).Agreement);
        double distance = Math.Abs(a - b);
        if (distance > 1e-6)
            Assert.Equal(distance * distance <= 4 * ((ofA * ofA) + (ofB * ofB)), agreement == "within");
    }

    /// <summary>A plan whose prediction is made to be what it is not.</summary>
    [Fact]
    public void Verify_measures_an_error_and_says_where_the_loss_lies()
    {
        string path = tool.PathOf("predicted.plan.json");
        // One that loses much in every window.
        var plan = Plan.Uniform(Plan.Load(tool.Plan).Model, ToolFixture.Context, Catalogue.Kivi(1, 1));
        JsonElement loss = Verified(plan with { PredictedLoss = 0, PredictedLossError = 0 }).GetProperty("loss");
        Assert.Equal("above", loss.GetProperty("agreement").GetString());
        double measured = loss.GetProperty("measured").GetDouble();
        Assert.InRange(loss.GetProperty("measuredError").GetDouble(), measured / 1000, measured);
        Assert.Equal("within", Verified(plan with { PredictedLoss = measured, PredictedLossError = measured / 10 }).GetProperty("loss").GetProperty("agreement").GetString());
        Assert.Equal("below", Verified(plan with { PredictedLoss = measured + 5, PredictedLossError = 0.1 }).GetProperty("loss").GetProperty("agreement").GetString());
        string said = ToolFixture.Run([.. Command, "--windows", "4"]).Output;
        Assert.Contains("Loss: below what was predicted, ", said, StringComparison.Ordinal);
        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"{measured + 5:0.00} ± 0.1000"), said, StringComparison.Ordinal);

        JsonElement Verified(Plan other)
        {
            File.WriteAllText(path, other.ToJson());
            return ToolFixture.Run([.. Command, "--windows", "4", "--json"]).Json();
        }
    }

    [Fact]
    public void Several_texts_are_drawn_from_in_turn()
    {
        string other = tool.PathOf("other.txt"), own = Path.Combine(ToolFixture.Model, "text.txt"), path = tool.PathOf("texts.profile.json");
        string text = File.ReadAllText(own);
        File.WriteAllText(other, text[(text.Length / 2)..]);
        File.WriteAllText(tool.PathOf("predicted.plan.json"), Plan.Load(tool.Plan).ToJson());
        Assert.Equal("text.txt, other.txt", ToolFixture.Run([.. Command, "--text", own, "--text", other, "--windows", "2", "--json"]).Json().GetProperty("text").GetString());
        Assert.Contains("--windows 2", ToolFixture.Run([.. Command, "--text", own, "--text", other, "--windows", "1"]).Failure(1), StringComparison.Ordinal);
        Assert.Contains("named twice", ToolFixture.Run("profile", ToolFixture.Model, "--text", own, "--text", own, "--out", path).Failure(1), StringComparison.Ordinal);
    }

    private string[] Command => ["verify", ToolFixture.Model, tool.PathOf("predicted.plan.json"), "--tail", "32", "--passages", "0"];

    private static VerifyResult.LossPrediction Of(double? predicted, double? predictedError, double measured, double? measuredError)
    {
        var bytes = new PredictedAndMeasured(0, 0);
        var verification = new PlanVerification
        {
            Device = bytes,
            Host = bytes,
            Text = "text",
            Context = 1,
            JudgedTokens = 1,
            PredictedLoss = predicted,
            PredictedLossError = predictedError,
            MeasuredLoss = measured,
            MeasuredLossError = measuredError,
            TopAgreement = 1,
            ExactPerplexity = 1,
            Perplexity = 1,
            ExactAccuracy = 1,
            Accuracy = 1,
            TokensPerSecond = 1,
            FullTokensPerSecond = 1,
        };
        return VerifyResult.LossOf(verification);
    }
}
