using System.Net;
using TailorKV.Cli.Output;
using TailorKV.Cli.Pages;
using TailorKV.Cli.Results;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Planner.Profiles;

namespace TailorKV.Cli.Tests.Pages;

public class ReportPageTests(ToolFixture tool) : IClassFixture<ToolFixture>
{
    private const string Hostile = "<img src=\"http://127.0.0.2/x\" onerror=alert(1)> & 'q' </script><script>alert(2)</script> {{data}}";
    private const string Cell = "<rect class=\"cell";
    private const string Bar = "<rect class=\"bar";
    private const string Circle = "<circle class=\"mark\"[^>]*data-title";

    private readonly ModelProfile _profile = ModelProfile.Load(tool.Profile);
    private readonly Plan _plan = Plan.Load(tool.Plan);

    [Fact]
    public async Task A_profile_s_page_has_a_cell_for_each_score_and_loss()
    {
        Browser browser = await Browser.Load(ProfilePage.Render(_profile, tool.Profile), tool.Folder);
        AssertQuiet(browser);
        Assert.Equal(_profile.Layers.Sum(layer => layer.HeadDensePreference.Count + 1), browser.Count(Cell, "density"));
        Assert.Equal(_profile.Layers.Sum(layer => layer.Options.Count), browser.Count(Cell, "loss"));
        Assert.InRange(browser.Count(Bar, "memory"), ProfileOption.Of(_profile).Count, 3 * ProfileOption.Of(_profile).Count);
        MeasuredOption option = _profile.Layers[2].Options[^1];
        Assert.Contains(WebUtility.HtmlEncode($"layer 2, {option.Policy.Kind}: {option.Policy.Describe()}\nloss {Show.Loss(option.Loss)} nats"), browser.Part("loss"), StringComparison.Ordinal);
        Assert.Contains("id=\"recall\"", browser.Document, StringComparison.Ordinal);
        Assert.Contains("id=\"contexts\"", browser.Document, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_profile_lacks_is_left_out()
    {
        string page = ProfilePage.Render(_profile with { Layers = [.. _profile.Layers.Select(layer => layer with { Densities = null, Recalls = null, Calibration = null })] }, tool.Profile);
        Assert.DoesNotContain("id=\"recall\"", page, StringComparison.Ordinal);
        Assert.DoesNotContain("id=\"contexts\"", page, StringComparison.Ordinal);
        Assert.DoesNotContain("id=\"importance\"", page, StringComparison.Ordinal);
        Assert.DoesNotContain("id=\"gradients\"", page, StringComparison.Ordinal);
        Assert.Contains("id=\"density\"", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_profile_may_have_is_shown()
    {
        KeyIndex?[] indexes = [null, new CodedKeys(new RotatedNormalFormat { Bits = 1 })];
        ModelProfile profile = _profile with
        {
            Layers = [.. _profile.Layers.Select(layer => layer with
            {
                Densities = [.. new[] { 128, 256 }.Select(context => new ContextDensity { Context = context, Mean = 0.25, Spread = 0.01, Heads = layer.HeadDensePreference })],
                Gradients = new LayerGradients(0.5 * (layer.Layer + 1), 0.25, 1.5e-5, 2.5e-6),
                Recalls = [.. indexes.Select(index => new RecallCurve { Index = index, Points = [new(32, 0.5), new(64, 0.75), new(128, 0.9)] })],
                Options = [.. layer.Options.Select(option => option with { Loss = 0.0479, LossError = 0.0031, LogProbabilityChange = -0.0123, Recall = 0.875 })],
            })],
            Weights = [new WeightChoice { Name = "other.gguf", WeightBytes = 12345, WeightsHash = "x:1", Loss = 0.02, LossError = 0.003 }],
        };
        string path = tool.PathOf("all.profile.json");
        File.WriteAllText(path, profile.ToJson());
        Browser browser = await Browser.Load(ProfilePage.Render(ModelProfile.Load(path), path), tool.Folder);
        AssertQuiet(browser);
        Assert.Equal(2 * profile.Layers.Count, browser.Count(Cell, "contexts"));
        Assert.Equal(2 * profile.Layers.Count, browser.Count(Cell, "gradients"));
        Assert.Equal(2 * 3, browser.Count(Circle, "recall"));
        Assert.Equal(2 * 3 * profile.Layers.Count, browser.Count(Cell, "recall-layers"));
        foreach (string text in new[] { $"layer 0, keys: 5.000e-1, {1.0 / profile.Layers.Count:0.0%} of the largest", "1.500e-5", "exact masses, top 64", "-0.0123 nats", "87.5%", "other.gguf", "12345", "0.250 ± 0.010", "loss 0.0479 ± 0.0031 nats", "0.0200 ± 0.0030" })
            Assert.Contains(text, WebUtility.HtmlDecode(browser.Document), StringComparison.Ordinal);
    }

    /// <summary>Pairs of one head lie the other way round and count a hundredth of the other head's: what is relative to a head's own largest is the same.</summary>
    [Fact]
    public async Task The_importance_of_pairs_is_shown_sorted_and_relative()
    {
        (int kvHeads, int headDim) = (_profile.Model.Shape.KvHeads, _profile.Model.Shape.HeadDim);
        float[] ones = [.. Enumerable.Repeat(1f, kvHeads * headDim)];
        // A tenth of the mean square less from pair to pair, down to the ten thousandth.
        float[] keys = [.. Enumerable.Range(0, kvHeads).SelectMany(head => Enumerable.Range(0, headDim).Select(channel =>
        {
            int pair = channel % (headDim / 2);
            return (head == 0 ? 1f : 0.1f) * MathF.Pow(10, -0.5f * Math.Min(head == 0 ? pair : (headDim / 2) - 1 - pair, 4));
        }))];
        ModelProfile profile = _profile with { Layers = [.. _profile.Layers.Select(layer => layer with { Calibration = layer.Layer == 1 ? null : KeyCalibration.Of(ones, keys) })] };
        Browser browser = await Browser.Load(ProfilePage.Render(profile, tool.Profile), tool.Folder);
        AssertQuiet(browser);
        Assert.Equal((profile.Layers.Count - 1) * headDim / 2, browser.Count(Cell, "importance"));
        string part = WebUtility.HtmlDecode(browser.Part("importance"));
        for (int pair = 0; pair < headDim / 2; pair++)
            Assert.Contains($"layer 2, pair {pair + 1} of {headDim / 2}: 1.0e-{Math.Min(pair, 4)} of the largest".Replace("e-0", "e+0", StringComparison.Ordinal), part, StringComparison.Ordinal);
        Assert.DoesNotContain("layer 1, pair", part, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_plan_s_page_has_a_bar_and_a_loss_for_each_layer()
    {
        PlanResult plan = PlanResult.From(
            _plan with { PredictedLoss = 0.0479, PredictedLossError = 0.0031, Layers = [.. _plan.Layers.Select((layer, i) => layer with { Loss = 0.01, LossError = 0.001 * (i + 1) })] }, tool.Plan);
        Browser browser = await Browser.Load(PlanPage.Render(plan), tool.Folder);
        AssertQuiet(browser);
        Assert.Equal(plan.Layers.Count, browser.Count(Bar, "device"));
        Assert.Equal(plan.Layers.Count(layer => layer.HostBytes > 0), browser.Count(Bar, "host"));
        Assert.Equal(plan.Layers.Count, browser.Count(Circle, "loss"));
        long[] parts =
        [
            plan.Device.WeightBytes, plan.Device.CacheBytes, plan.Device.StagingBytes, plan.Device.ActivationBytes, plan.Device.LogitBytes, plan.Host.WeightBytes, plan.Host.CacheBytes,
            plan.Host.PrefillBytes, plan.Host.LogitBytes,
        ];
        Assert.Equal(parts.Count(bytes => bytes > 0), browser.Count(Bar, "parts"));
        Assert.All(parts, bytes => Assert.Contains($">{bytes}<", browser.Document, StringComparison.Ordinal));
        Assert.All(plan.Layers, layer => Assert.Contains(WebUtility.HtmlEncode(layer.Choices), browser.Document, StringComparison.Ordinal));
        foreach (string text in new[] { "0.0479 ± 0.0031 nats per token", "loss 0.0100 ± 0.0020", ">0.0100 ± 0.0030<" })
            Assert.Contains(text, WebUtility.HtmlDecode(browser.Document), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Names_are_shown_as_they_are()
    {
        ModelProfile profile = _profile with { Model = _profile.Model with { Name = Hostile }, Text = _profile.Text with { Source = Hostile }, DerivedFrom = Hostile };
        PlanResult plan = PlanResult.From(_plan, tool.Plan) with { Model = Hostile, DerivedFrom = Hostile };
        foreach (string html in new[] { ProfilePage.Render(profile, Hostile), PlanPage.Render(plan) })
        {
            Browser browser = await Browser.Load(html, tool.Folder);
            AssertQuiet(browser);
            Assert.DoesNotContain("<img", browser.Document, StringComparison.Ordinal);
            Assert.Contains(Hostile, WebUtility.HtmlDecode(browser.Document), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_plan_written_by_hand_has_no_losses_to_show()
    {
        var plan = Plan.Uniform(_plan.Model, ToolFixture.Context, new FullPolicy());
        string html = PlanPage.Render(PlanResult.From(plan, "hand.json"));
        Assert.Contains("written by hand", html, StringComparison.Ordinal);
        Assert.DoesNotContain("id=\"loss\"", html, StringComparison.Ordinal);
        Assert.DoesNotContain("id=\"host\"", html, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_many_options_those_are_shown_that_no_other_of_their_kind_beats()
    {
        var random = new Random(1);
        LayerPolicy[] policies = [.. Catalogue.Allowed(Catalogue.All, _profile.Model.Shape.Layer(1), 1).Where((_, i) => i % 4 == 0)];
        ModelProfile profile = _profile with
        {
            Layers = [.. _profile.Layers.Select(layer => layer with
            {
                Options = [.. policies.Select(policy => new MeasuredOption { Policy = policy, Loss = Math.Pow(10, -6 * random.NextDouble()), OutputError = 0 })],
            })],
        };
        IReadOnlyList<ProfileOption> options = ProfileOption.Of(profile);
        IReadOnlyList<ProfileOption> shown = ProfileOption.Shown(options);
        Assert.Equal(policies.Length, options.Count);
        bool Beats(ProfileOption one, ProfileOption other) =>
            one.Policy.Kind == other.Policy.Kind && one.Bytes.Device <= other.Bytes.Device && one.MeanLoss <= other.MeanLoss;
        Assert.InRange(shown.Count, 1, options.Count - 1);
        Assert.All(shown, option => Assert.DoesNotContain(options, other => !ReferenceEquals(option, other) && Beats(other, option)));
        Assert.All(options.Except(shown), option => Assert.Contains(shown, other => Beats(other, option)));
    }

    private static void AssertQuiet(Browser browser)
    {
        Assert.Empty(browser.Console);
        Assert.Empty(browser.Requests);
        Assert.DoesNotContain("NaN", browser.Document, StringComparison.Ordinal);
    }
}
