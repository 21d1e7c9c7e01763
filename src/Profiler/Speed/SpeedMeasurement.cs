using System.Diagnostics;
using TailorKV.Planner;
using TailorKV.Planner.Plans;
using TailorKV.Runtime;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Sessions;

namespace TailorKV.Profiler.Speed;

/// <summary>Times a session: a prompt read into an empty cache, and tokens decoded one by one at a depth.</summary>
public sealed class SpeedMeasurement
{
    private const int WarmUpPrompt = 256;
    private const int WarmUpTokens = 32;
    private const int BlockElements = 1 << 16;

    private readonly Session _session;
    private readonly SpeedRequest _request;
    private readonly int _vocabulary;
    private readonly Random _random;
    private readonly CancellationToken _cancellation;

    private SpeedMeasurement(Session session, SpeedRequest request, int vocabulary, CancellationToken cancellation)
    {
        (_session, _request, _vocabulary, _cancellation) = (session, request, vocabulary, cancellation);
        _random = new Random(request.Seed);
    }

    /// <summary>Measures.</summary>
    /// <param name="model">The model.</param>
    /// <param name="plan">How its caches are kept.</param>
    /// <param name="request">What to time.</param>
    /// <param name="progress">Told what is being timed and the share done.</param>
    /// <param name="cancellation">Ends the work with nothing.</param>
    /// <exception cref="TailorKVException">The plan's context is too short, or the plan is for another model.</exception>
    /// <exception cref="CapacityExceededException">The machine has not enough memory free.</exception>
    public static SessionSpeed Measure(
        CausalLanguageModel model, Plan plan, SpeedRequest request, IProgress<WorkProgress>? progress = null, CancellationToken cancellation = default)
    {
        request.RequireContext(plan);
        using Session session = model.CreateSession(plan);
        var measurement = new SpeedMeasurement(session, request, model.Shape.VocabularySize, cancellation);
        measurement.WarmUp();
        PhaseSpeed? prefill = request.Prompt == 0 ? null : measurement.Prefill(progress);
        PhaseSpeed? decode = request.Generated == 0 ? null : measurement.Decode(progress);
        int tokens = Math.Max(1, request.Depth) + request.Generated + (request.Generated * request.Repetitions / 2);
        return SessionSpeed.From(model, plan, Math.Min(tokens, plan.Target.Context), prefill, decode);
    }

    private void WarmUp()
    {
        int[] prompt = Tokens(Math.Min(WarmUpPrompt, Math.Max(1, _request.Depth)));
        long start = Stopwatch.GetTimestamp();
        do
        {
            _session.Prefill(prompt, cancellation: _cancellation);
            DecodeTokens(Math.Min(WarmUpTokens, _session.Plan.Target.Context - prompt.Length));
        }
        while (Stopwatch.GetElapsedTime(start).TotalSeconds < _request.WarmUpSeconds);
    }

    private PhaseSpeed Prefill(IProgress<WorkProgress>? progress)
    {
        int[] prompt = Tokens(_request.Prompt);
        return Runs(prompt.Length, "reading a prompt", progress, part => _session.Prefill(prompt, null, part, _cancellation));
    }

    private PhaseSpeed Decode(IProgress<WorkProgress>? progress)
    {
        int depth = Math.Max(1, _request.Depth);
        if (_request.FillsDepth)
            _session.Load(depth, Draw);
        else
            _session.Prefill(Tokens(depth), null, WorkProgress.Part(progress, "filling the cache", 0, 1), _cancellation);
        return Runs(_request.Generated, "decoding", progress, _ => DecodeTokens(_request.Generated));
    }

    private PhaseSpeed Runs(int tokens, string step, IProgress<WorkProgress>? progress, Action<IProgress<double>?> run)
    {
        var runs = new TimedRun[_request.Repetitions];
        for (int i = -1; i < runs.Length; i++)
        {
            IProgress<double>? part = WorkProgress.Part(progress, step, i + 1, runs.Length + 1);
            part?.Report(0);
            StepTimes before = _session.Times;
            long start = Stopwatch.GetTimestamp();
            run(part);
            TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
            if (i >= 0)
                runs[i] = new TimedRun(elapsed, _session.Times - before);
        }

        return new PhaseSpeed(tokens, runs);
    }

    private void DecodeTokens(int count)
    {
        for (int i = 0; i < count; i++)
        {
            _cancellation.ThrowIfCancellationRequested();
            _session.Decode(_random.Next(_vocabulary));
        }
    }

    private int[] Tokens(int count) => [.. Enumerable.Range(0, count).Select(_ => _random.Next(_vocabulary))];

    private void Draw(int layer, KeyValues prompt)
    {
        _cancellation.ThrowIfCancellationRequested();
        Draw(prompt.Keys);
        Draw(prompt.Values);
    }

    private void Draw(DeviceTensor numbers)
    {
        var block = new float[Math.Min(BlockElements, numbers.Length)];
        for (long start = 0; start < numbers.Length; start += block.Length)
        {
            Span<float> some = block.AsSpan(0, (int)Math.Min(block.Length, numbers.Length - start));
            foreach (ref float number in some)
                number = (2 * _random.NextSingle()) - 1;
            numbers.Part(start, some.Length).Write(some);
        }
    }
}
