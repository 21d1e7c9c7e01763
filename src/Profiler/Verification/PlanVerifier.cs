using System.Diagnostics;
using System.Numerics.Tensors;
using TailorKV.Planner;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Profiler.Text;
using TailorKV.Runtime.Models;
using TailorKV.Runtime.Sessions;
using TailorKV.Runtime.Verification;

namespace TailorKV.Profiler.Verification;

/// <summary>
/// Runs a model under a plan and puts what it does beside what was predicted: each window of judgement text is read exactly and its tail decoded
/// token by token, once with every layer in full and once with the plan.
/// </summary>
public sealed class PlanVerifier
{
    private readonly CausalLanguageModel _model;
    private readonly VerificationRequest _request;
    private readonly int _context;
    private readonly IReadOnlyList<int[]> _windows;
    private readonly IReadOnlyList<NeedlePassage> _passages;
    private readonly ExactWindow[] _exact;
    private readonly string _source;
    private int? _fullRight;

    /// <summary>Draws the windows and passages; several plans for the same context can be judged on them.</summary>
    /// <param name="model">The model.</param>
    /// <param name="text">The text to judge on.</param>
    /// <param name="planContext">Tokens the plans' sessions can hold.</param>
    /// <param name="request">What to judge on.</param>
    /// <param name="progress">Told what is being done and the share done.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <exception cref="TailorKVException">The context has no room for the tokens to be judged, or the text is too short.</exception>
    public PlanVerifier(
        CausalLanguageModel model, MeasuringText text, int planContext, VerificationRequest request, IProgress<WorkProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        (_model, _request, _source) = (model, request, text.Source);
        _context = request.Context ?? (planContext - request.Tail);
        if (_context < 1 || request.Tail < 1 || (long)_context + request.Tail > planContext)
        {
            throw new TailorKVException(
                $"a context of {_context} tokens and {request.Tail} judged do not fit into the plan's {planContext}", "Judge fewer tokens, or plan a longer context");
        }

        int windows = request.Windows ?? Math.Clamp(8192 / planContext, 1, 4);
        _windows = text.Windows(
            TextPurpose.Judgement, windows, _context + request.Tail, request.Seed, WorkProgress.Part(progress, "sampling text", 0, 1), cancellation);
        _passages = text.Needles(request.Passages, _context + request.Tail, request.Seed);
        _exact = new ExactWindow[windows];
    }

    /// <summary>Judges a plan.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="progress">Told what is being done and the share done.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <exception cref="TailorKVException">The plan is for another model or for a shorter context.</exception>
    /// <exception cref="Runtime.InsufficientMemoryException">The machine has not enough memory free.</exception>
    public PlanVerification Verify(Plan plan, IProgress<WorkProgress>? progress = null, CancellationToken cancellation = default)
    {
        for (int i = 0; i < _windows.Count; i++)
            _exact[i] ??= RunExact(_windows[i], WorkProgress.Part(progress, "exact cache", i, _windows.Count), cancellation);

        using Session session = _model.CreateSession(plan);
        double loss = 0;
        double logProbability = 0;
        int agreements = 0;
        var clock = new Stopwatch();
        for (int i = 0; i < _windows.Count; i++)
        {
            ExactWindow exact = _exact[i];
            int[] window = _windows[i];
            session.Prefill(window.AsSpan(0, _context), null, WorkProgress.Part(progress, "plan", i, _windows.Count), cancellation);
            for (int row = 0; row < _request.Tail; row++)
            {
                cancellation.ThrowIfCancellationRequested();
                clock.Start();
                ReadOnlySpan<float> logits = session.Decode(window[_context + row]);
                clock.Stop();
                ReadOnlySpan<float> expected = exact.LogProbabilities.AsSpan(row * logits.Length, logits.Length);
                loss += LogProbabilities.Divergence(expected, logits);
                agreements += TensorPrimitives.IndexOfMax(expected) == TensorPrimitives.IndexOfMax(logits) ? 1 : 0;
                if (row + 1 < _request.Tail)
                    logProbability += LogProbabilities.Of(logits, window[_context + row + 1]);
            }
        }

        int judged = _windows.Count * _request.Tail;
        int scored = _windows.Count * (_request.Tail - 1);
        MemoryBreakdown memory = plan.Memory.OfOne(plan.Target.Batch);
        return new PlanVerification
        {
            Device = new PredictedAndMeasured(memory.Device, session.MeasuredDeviceBytes),
            Host = new PredictedAndMeasured(memory.Host, session.MeasuredHostBytes),
            Text = _source,
            Context = _context,
            JudgedTokens = judged,
            PredictedLoss = plan.PredictedLoss,
            MeasuredLoss = loss / judged,
            TopAgreement = (double)agreements / judged,
            ExactPerplexity = Math.Exp(-_exact.Sum(exact => exact.LogProbability) / Math.Max(1, scored)),
            Perplexity = Math.Exp(-logProbability / Math.Max(1, scored)),
            TokensPerSecond = judged / clock.Elapsed.TotalSeconds,
            FullTokensPerSecond = judged / _exact.Sum(exact => exact.Seconds),
            Needles = Needles(session, plan, progress, cancellation),
        };
    }

    private ExactWindow RunExact(int[] window, IProgress<double>? progress, CancellationToken cancellation)
    {
        using Session session = _model.CreateFullSession(window.Length, ExactPrecision.Float32);
        session.Prefill(window.AsSpan(0, _context), null, progress, cancellation);
        int vocabulary = _model.Shape.VocabularySize;
        var logProbabilities = new float[_request.Tail * vocabulary];
        double logProbability = 0;
        var clock = new Stopwatch();
        for (int row = 0; row < _request.Tail; row++)
        {
            cancellation.ThrowIfCancellationRequested();
            clock.Start();
            ReadOnlySpan<float> logits = session.Decode(window[_context + row]);
            clock.Stop();
            LogProbabilities.All(logits, logProbabilities.AsSpan(row * vocabulary, vocabulary));
            if (row + 1 < _request.Tail)
                logProbability += LogProbabilities.Of(logits, window[_context + row + 1]);
        }

        return new ExactWindow(logProbabilities, logProbability, clock.Elapsed.TotalSeconds);
    }

    private NeedleScore? Needles(Session session, Plan plan, IProgress<WorkProgress>? progress, CancellationToken cancellation)
    {
        if (_passages.Count == 0)
            return null;
        if (_fullRight is null)
        {
            using Session full = _model.CreateSession(Plan.Uniform(_model.Fingerprint, plan.Target.Context, new FullPolicy(), plan.PrefillChunk));
            _fullRight = Answers(full, "needles, full cache", progress, cancellation);
        }

        return new NeedleScore(_passages.Count, Answers(session, "needles, plan", progress, cancellation), _fullRight.Value);
    }

    private int Answers(Session session, string step, IProgress<WorkProgress>? progress, CancellationToken cancellation)
    {
        int right = 0;
        for (int i = 0; i < _passages.Count; i++)
        {
            NeedlePassage passage = _passages[i];
            // The question too is read through the plan's caches, as if the passage had been there before it was asked.
            session.Prefill(passage.Tokens, null, WorkProgress.Part(progress, step, i, _passages.Count), cancellation);
            session.Extend(passage.Question.AsSpan(0, passage.Question.Length - 1), null, cancellation);
            int token = passage.Question[^1];
            bool all = true;
            foreach (int expected in passage.Answer)
            {
                token = TensorPrimitives.IndexOfMax(session.Decode(token));
                all &= token == expected;
                if (!all)
                    break;
            }

            right += all ? 1 : 0;
        }

        return right;
    }

    private sealed record ExactWindow(float[] LogProbabilities, double LogProbability, double Seconds);
}
