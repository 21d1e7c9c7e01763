using TailorKV.Planner;
using TailorKV.Profiler.Text;
using TailorKV.Profiler.Verification;
using TailorKV.Runtime;
using TailorKV.Tests;

namespace TailorKV.Profiler.Tests;

public sealed class VerificationLimitsTests : IDisposable
{
    private readonly CausalLanguageModel _model = CausalLanguageModel.Load(Path.Combine(SharedData.Root, "models", "tiny-recall"));

    /// <summary>Tokens judged times the vocabulary pass 2^31, and so do windows times tokens judged: neither wraps around.</summary>
    [Theory]
    [InlineData(3_000_000, 1, "are too many")]
    [InlineData(1_000_000, 4_000, "are too many")]
    [InlineData(1_000_000, 2_000, "of memory")]
    [InlineData(int.MaxValue, 1, "leave no room")]
    public void Products_beyond_an_int_are_refused_by_their_numbers(int tail, int windows, string named)
    {
        MeasuringText text = MeasuringText.Open(_model, null);
        var request = new VerificationRequest { Tail = tail, Windows = windows };
        Assert.Contains(named, Assert.ThrowsAny<TailorKVException>(() => new PlanVerifier(_model, text, int.MaxValue, request)).Message, StringComparison.Ordinal);
    }

    public void Dispose() => _model.Dispose();
}
