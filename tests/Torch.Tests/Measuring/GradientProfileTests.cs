using TailorKV.Planner;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;
using TailorKV.Profiler.Measuring;
using TailorKV.Profiler.Text;
using TailorKV.Runtime;
using TailorKV.Runtime.Tests;
using TailorKV.Tests;

namespace TailorKV.Torch.Tests.Measuring;

/// <summary>Profiles with gradients, of the model that comes with the tool.</summary>
public sealed class GradientProfileTests : IDisposable
{
    private static readonly ProfileRequest Request = new() { Context = 170, Tail = 8, Windows = 2, Seed = 5, Options = [new FullPolicy()], Candidates = [], Gradients = true };
    private static readonly string Model = Path.Combine(SharedData.Root, "models", "tiny-recall");

    private readonly TemporaryFolder _folder = new();
    private readonly TorchBackend _backend = new();
    private readonly CausalLanguageModel _model;
    private readonly MeasuringText _text;

    public GradientProfileTests()
    {
        _model = CausalLanguageModel.Load(Model, _backend);
        _text = MeasuringText.Open(_model, null);
    }

    /// <summary>The mean over windows, of their contexts alone, in a profile that is read as it was written; all else is as without.</summary>
    [Fact]
    public void A_profile_has_the_mean_over_its_windows()
    {
        ModelProfile with = Measure(Request), without = Measure(Request with { Gradients = false });
        Assert.All(without.Layers, layer => Assert.Null(layer.Gradients));
        Assert.Equal(without.ToJson(), (with with { Layers = [.. with.Layers.Select(layer => layer with { Gradients = null })] }).ToJson());
        Assert.Equal(with.ToJson(), ModelProfile.Load(_folder.Write("profile.json", System.Text.Encoding.UTF8.GetBytes(with.ToJson()))).ToJson());

        int tokens = Request.Context + Request.Tail;
        IReadOnlyList<LayerGradients>[] windows = [.. _text.Windows(TextPurpose.Calibration, 2, tokens, Request.Seed).Select(window => _model.Gradients(window.AsSpan(0, Request.Context), tokens))];
        Assert.All(with.Layers, layer =>
        {
            Assert.Equal(1, layer.Gradients!.Keys / windows.Average(window => window[layer.Layer].Keys), 1e-5);
            Assert.Equal(1, layer.Gradients.Values / windows.Average(window => window[layer.Layer].Values), 1e-5);
            Assert.Equal(1, layer.Gradients.KeyFisher / windows.Average(window => window[layer.Layer].KeyFisher), 1e-5);
            Assert.Equal(1, layer.Gradients.ValueFisher / windows.Average(window => window[layer.Layer].ValueFisher), 1e-5);
        });
    }

    [Fact]
    public void Work_that_was_ended_goes_on_to_the_same_bytes()
    {
        string profile = Measure(Request).ToJson(), path = _folder.File("journal");
        Assert.Equal(profile, Measured(path));
        byte[] whole = File.ReadAllBytes(path);
        int[] starts = [.. Enumerable.Range(1, whole.Length - 1).Where(at => whole[at - 1] == '\n' && Line(whole, at).Contains(", gradients\"", StringComparison.Ordinal))];
        Assert.Equal(2, starts.Length);
        foreach (int length in (int[])[.. starts, .. starts.Select(at => at + (Line(whole, at).Length / 2)), whole.Length])
        {
            File.WriteAllBytes(path, whole[..length]);
            Assert.Equal(profile, Measured(path));
            Assert.Equal(whole, File.ReadAllBytes(path));
        }

        Assert.Contains("(gradients)", Assert.Throws<InvalidFileException>(() => Measured(path, Request with { Gradients = false })).Message, StringComparison.Ordinal);
    }

    /// <summary>Progress reaches its end, and never goes back.</summary>
    [Fact]
    public void Gradients_are_part_of_the_work()
    {
        var shares = new Shares();
        ModelProfiler.Measure(_model, _text, Request, progress: shares);
        Assert.Equal(shares.Seen.Order(), shares.Seen);
        Assert.Equal(1, shares.Seen[^1], 1e-9);
    }

    [Fact]
    public void A_backend_without_gradients_refuses_before_anything_is_measured()
    {
        using CausalLanguageModel cpu = CausalLanguageModel.Load(Model);
        string message = Assert.Throws<TailorKVException>(() => ModelProfiler.Check(cpu, Request)).Message;
        Assert.Contains("the backend cpu has no gradients", message, StringComparison.Ordinal);
        Assert.Contains("--device torch", message, StringComparison.Ordinal);
        Assert.Equal(message, Assert.Throws<TailorKVException>(() => cpu.Gradients([1, 2], 2)).Message);
        Assert.Contains("no next token", Assert.Throws<TailorKVException>(() => ModelProfiler.Check(_model, Request with { Context = 1 })).Message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _model.Dispose();
        _backend.Dispose();
        _folder.Dispose();
    }

    private ModelProfile Measure(ProfileRequest request) => ModelProfiler.Measure(_model, _text, request);

    private string Measured(string path, ProfileRequest? request = null)
    {
        using MeasurementJournal journal = MeasurementJournal.Open(path);
        return ModelProfiler.Measure(_model, _text, request ?? Request, journal).ToJson();
    }

    private static string Line(byte[] bytes, int start)
    {
        int end = Array.IndexOf(bytes, (byte)'\n', start);
        return System.Text.Encoding.UTF8.GetString(bytes, start, end - start);
    }

    private sealed class Shares : IProgress<Profiler.WorkProgress>
    {
        public List<double> Seen { get; } = [];

        public void Report(Profiler.WorkProgress value)
        {
            if (value.Step.StartsWith("measuring", StringComparison.Ordinal))
                Seen.Add(value.Share);
        }
    }
}
