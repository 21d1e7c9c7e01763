using TailorKV.Planner;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;
using TailorKV.Profiler.Measuring;
using TailorKV.Profiler.Text;
using TailorKV.Runtime;
using TailorKV.Tests;

namespace TailorKV.Profiler.Tests.Measuring;

/// <summary>
/// Options whose numbers cannot be are written down with the reason, and the work goes on. The numbers are put into a journal: all that keeps a layer is made for any finite keys and values, and what a fault in it
/// would measure is what a journal holds.
/// </summary>
public sealed class UnmeasuredOptionTests : IDisposable
{
    private const int Layer = 2;
    private const string Nan = "\"loss\":\"NaN\"";

    private static readonly ProfileRequest Request = new() { Context = 160, Tail = 8, Windows = 2, Seed = 5, Candidates = [] };

    private readonly CausalLanguageModel _model = CausalLanguageModel.Load(Path.Combine(SharedData.Root, "models", "tiny-recall"));
    private readonly string _folder = Directory.CreateTempSubdirectory("tailorkv").FullName;
    private readonly MeasuringText _text;

    public UnmeasuredOptionTests() => _text = MeasuringText.Open(_model, null);

    private string Journal => Path.Combine(_folder, "journal");

    [Theory]
    [InlineData(Nan, "loss is NaN, outside 0 to 1000 nats per token")]
    [InlineData("\"loss\":\"Infinity\"", "loss is Infinity, outside 0 to 1000 nats per token")]
    [InlineData("\"loss\":2002", "loss is 1001")]
    [InlineData("\"outputError\":\"Infinity\"", "outputError is Infinity, outside 0")]
    [InlineData("\"logProbabilityChange\":\"-Infinity\"", "logProbabilityChange is -Infinity")]
    public void What_came_out_is_the_reason_and_all_else_stays(string measured, string reason)
    {
        ModelProfile whole = Measure(Request);
        int option = whole.Layers[Layer].Options.Count - 1;
        // One of two windows: the mean of both is what counts.
        Inject($"text 1, layer {Layer}, option {option}", measured);
        ModelProfile profile = Measure(Request);
        Assert.Null(profile.Problem());
        UnmeasuredOption unmeasured = Assert.Single(profile.Layers[Layer].Unmeasured!);
        Assert.Equal(whole.Layers[Layer].Options[option].Policy, unmeasured.Policy);
        Assert.StartsWith(reason, unmeasured.Reason, StringComparison.Ordinal);
        Assert.Equal(
            With(whole, whole.Layers[Layer] with { Options = [.. whole.Layers[Layer].Options.Take(option)] }).ToJson(), With(profile, profile.Layers[Layer] with { Unmeasured = null }).ToJson());
    }

    /// <summary>What is found again in a journal is what was measured, that which is no number too, and the profile can be written, read and planned from.</summary>
    [Fact]
    public void The_profile_is_written_read_gone_on_with_and_planned_from()
    {
        Measure(Request);
        LayerPolicy cheapest = Smallest(Measure(Request)).Policies[Layer];
        int option = Measure(Request).Layers[Layer].Options.Select(option => option.Policy).ToList().IndexOf(cheapest);
        Inject($"text 0, layer {Layer}, option {option}", Nan);
        byte[] journal = File.ReadAllBytes(Journal);
        ModelProfile profile = Measure(Request);
        Assert.Equal(cheapest, Assert.Single(profile.Layers[Layer].Unmeasured!).Policy);
        Assert.NotEqual(cheapest, Smallest(profile).Policies[Layer]);

        string written = profile.ToJson(), path = Path.Combine(_folder, "profile.json");
        File.WriteAllText(path, written);
        Assert.Equal(written, ModelProfile.Load(path).ToJson());
        File.WriteAllBytes(Journal, journal[..(journal.Length - 100)]);
        Assert.Equal(written, Measure(Request).ToJson());
        Assert.Equal(journal, File.ReadAllBytes(Journal));
    }

    /// <summary>An error that is no number tells nothing of others, and its option is measured rather than left out.</summary>
    [Fact]
    public void Screening_goes_on_without_it()
    {
        ProfileRequest request = Request with { Candidates = [Catalogue.Rotated(3, 3), Catalogue.Rotated(4, 4), Catalogue.Kivi(8, 8)] };
        ModelProfile whole = Measure(request);
        string step = $"text 0, layer {Layer}, errors";
        string line = Assert.Single(File.ReadAllLines(Journal), line => line.Contains(step, StringComparison.Ordinal));
        string[] errors = line[(line.IndexOf('[', StringComparison.Ordinal) + 1)..line.IndexOf(']', StringComparison.Ordinal)].Split(',');
        errors[^1] = "\"Infinity\"";
        File.WriteAllLines(Journal, File.ReadAllLines(Journal).Select(other => other == line ? $"{line[..(line.IndexOf('[', StringComparison.Ordinal) + 1)]}{string.Join(',', errors)}]}}" : other));
        ModelProfile profile = Measure(request);
        Assert.Contains(profile.Layers[Layer].Options, option => option.Policy.Equals(Catalogue.Kivi(8, 8)));
        Assert.Subset(profile.Layers[Layer].Options.Select(option => option.Policy).ToHashSet(), whole.Layers[Layer].Options.Select(option => option.Policy).ToHashSet());
    }

    [Fact]
    public void A_layer_without_any_number_ends_the_work()
    {
        ProfileRequest request = Request with { Options = [Catalogue.Kivi(2, 2)] };
        Measure(request);
        Inject($"text 0, layer {Layer}, option 0", Nan);
        Assert.Contains($"layer {Layer} could be measured; ", Assert.Throws<TailorKVException>(() => Measure(request)).Message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _model.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static Plan Smallest(ModelProfile profile) => new PlanBuilder(profile, new PlanTarget { Context = 168, Goal = PlanGoal.FewestBytes }).Build();

    private static ModelProfile With(ModelProfile profile, LayerProfile changed) => profile with { Layers = [.. profile.Layers.Select(layer => layer.Layer == Layer ? changed : layer)] };

    private ModelProfile Measure(ProfileRequest request)
    {
        using MeasurementJournal journal = MeasurementJournal.Open(Journal);
        return ModelProfiler.Measure(_model, _text, request, journal);
    }

    /// <summary>Writes a member of a measurement in the journal anew.</summary>
    private void Inject(string step, string member)
    {
        string name = member[..member.IndexOf(':', StringComparison.Ordinal)];
        string line = Assert.Single(File.ReadAllLines(Journal), line => line.Contains($"\"{step}\"", StringComparison.Ordinal));
        int start = line.IndexOf(name, StringComparison.Ordinal), end = line.IndexOfAny([',', '}'], start);
        File.WriteAllLines(Journal, File.ReadAllLines(Journal).Select(other => other == line ? line[..start] + member + line[end..] : other));
    }
}
