using System.Diagnostics;
using System.Numerics.Tensors;
using TailorKV.Planner;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Profiler.Measuring;
using TailorKV.Profiler.Tasks;
using TailorKV.Profiler.Text;
using TailorKV.Runtime;
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
    private readonly IReadOnlyList<ExactMatchTask> _passages;
    private readonly (int Length, int Keys, int Depth, IReadOnlyList<ExactMatchTask> Passages)[] _cells;
    private readonly IReadOnlyList<TaskFile> _taskFiles;
    private readonly ExactWindow[] _exact;
    private readonly string _source;
    private int[]? _fullRight;

    /// <summary>Draws the windows and passages; several plans for the same context can be judged on them.</summary>
    /// <param name="model">The model.</param>
    /// <param name="text">The text to judge on.</param>
    /// <param name="planContext">Tokens the plans' sessions can hold.</param>
    /// <param name="request">What to judge on.</param>
    /// <param name="progress">Told what is being done and the share done.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <exception cref="TailorKVException">The context has no room for the tokens to be judged, or the text is too short.</exception>
    /// <exception cref="InvalidFileException">A file of tasks is malformed, or a task does not fit into the context.</exception>
    public PlanVerifier(
        CausalLanguageModel model, MeasuringText text, int planContext, VerificationRequest request, IProgress<WorkProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        (_model, _request, _source) = (model, request, text.Source);
        _context = request.Context ?? (planContext - request.Tail);
        Check(planContext);
        _taskFiles = [.. request.TaskFiles.Select(file => TaskFile.Read(file, model.Tokenizer, planContext, model.Shape.ContextLength))];
        _cells = [.. Cells(text, planContext)];
        int windows = request.Windows ?? text.EvenWindows(Math.Clamp(8192 / planContext, 1, 4));
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
    /// <exception cref="CapacityExceededException">The machine has not enough memory free.</exception>
    public PlanVerification Verify(Plan plan, IProgress<WorkProgress>? progress = null, CancellationToken cancellation = default)
    {
        for (int i = 0; i < _windows.Count; i++)
            _exact[i] ??= RunExact(_windows[i], WorkProgress.Part(progress, "exact cache", i, _windows.Count), cancellation);

        int[] fullRight = FullRight(plan, progress, cancellation);
        using Session session = _model.CreateSession(plan);
        var losses = new MeasuredMean[_windows.Count];
        double logProbability = 0;
        int agreements = 0;
        int accurate = 0;
        var clock = new Stopwatch();
        for (int i = 0; i < _windows.Count; i++)
        {
            ExactWindow exact = _exact[i];
            int[] window = _windows[i];
            var tokenLosses = new double[_request.Tail];
            session.Prefill(window.AsSpan(0, _context), null, WorkProgress.Part(progress, "plan", i, _windows.Count), cancellation);
            for (int row = 0; row < _request.Tail; row++)
            {
                cancellation.ThrowIfCancellationRequested();
                clock.Start();
                ReadOnlySpan<float> logits = session.Decode(window[_context + row]);
                clock.Stop();
                ReadOnlySpan<float> expected = exact.LogProbabilities.AsSpan(row * logits.Length, logits.Length);
                tokenLosses[row] = LogProbabilities.Divergence(expected, logits);
                agreements += TensorPrimitives.IndexOfMax(expected) == TensorPrimitives.IndexOfMax(logits) ? 1 : 0;
                if (row + 1 < _request.Tail)
                {
                    int next = window[_context + row + 1];
                    logProbability += LogProbabilities.Of(logits, next);
                    accurate += TensorPrimitives.IndexOfMax(logits) == next ? 1 : 0;
                }
            }

            losses[i] = MeasuredMean.OfWindow(tokenLosses);
        }

        MeasuredMean loss = MeasuredMean.OfWindows(losses);
        int[] right = Right(session, "answers, plan", progress, cancellation);
        int judged = _windows.Count * _request.Tail;
        int scored = _windows.Count * (_request.Tail - 1);
        // The session's plan counts weights as its backend lays them out.
        MemoryBreakdown memory = session.Plan.Memory.OfOne(plan.Target.Batch);
        return new PlanVerification
        {
            Device = new PredictedAndMeasured(memory.Device, session.MeasuredDeviceBytes),
            Host = new PredictedAndMeasured(memory.Host, session.MeasuredHostBytes),
            Text = _source,
            Context = _context,
            JudgedTokens = judged,
            PredictedLoss = plan.PredictedLoss,
            PredictedLossError = plan.PredictedLossError,
            MeasuredLoss = loss.Value,
            MeasuredLossError = double.IsFinite(loss.Error) ? loss.Error : null,
            TopAgreement = (double)agreements / judged,
            ExactPerplexity = Math.Exp(-_exact.Sum(exact => exact.LogProbability) / Math.Max(1, scored)),
            Perplexity = Math.Exp(-logProbability / Math.Max(1, scored)),
            ExactAccuracy = (double)_exact.Sum(exact => exact.Accurate) / Math.Max(1, scored),
            Accuracy = (double)accurate / Math.Max(1, scored),
            TokensPerSecond = judged / clock.Elapsed.TotalSeconds,
            FullTokensPerSecond = judged / _exact.Sum(exact => exact.Seconds),
            Needles = _passages.Count == 0 ? null : new NeedleScore(_passages.Count, right[0], fullRight[0]),
            NeedleCells = [.. _cells.Select((cell, i) => new NeedleCell(cell.Length, cell.Keys, cell.Depth, cell.Passages.Count, right[1 + i], fullRight[1 + i]))],
            Tasks = [.. _taskFiles.Select((file, i) => new TaskScore(file.Path, file.Tasks.Count, right[1 + _cells.Length + i], fullRight[1 + _cells.Length + i]))],
        };
    }

    private void Check(int planContext)
    {
        int modelContext = _model.Shape.ContextLength, tail = _request.Tail;
        if (tail < 1 || _request.Context < 1 || _request.Windows < 1)
            throw new TailorKVException($"context {_request.Context ?? 1}, tail {tail} and windows {_request.Windows ?? 1} must be positive", "Give positive numbers");
        long needed = (long)(_request.Context ?? 1) + tail;
        if (needed > planContext)
        {
            throw new TailorKVException(
                _request.Context is { } context ? $"a context of {context} tokens and {tail} judged do not fit into the plan's {planContext}"
                    : $"{tail} tokens judged leave no room for a context before them in the plan's {planContext}",
                LongerContext.Remedy("Judge fewer tokens with --tail", needed, modelContext));
        }

        int vocabulary = _model.Shape.VocabularySize;
        if ((long)tail * vocabulary > Array.MaxLength || (long)(_request.Windows ?? 1) * tail > int.MaxValue)
        {
            throw new TailorKVException(
                $"{tail} tokens judged in each window, in a vocabulary of {vocabulary}, are too many", $"Give --tail {Array.MaxLength / vocabulary} or less, and fewer --windows");
        }

        _model.RequireFree(0, (long)(_request.Windows ?? 1) * tail * vocabulary * sizeof(float), $"judging {tail} tokens in each window");
    }

    private ExactWindow RunExact(int[] window, IProgress<double>? progress, CancellationToken cancellation)
    {
        using Session session = _model.CreateFullSession(window.Length, ExactPrecision.Float32);
        session.Prefill(window.AsSpan(0, _context), null, progress, cancellation);
        int vocabulary = _model.Shape.VocabularySize;
        var logProbabilities = new float[_request.Tail * vocabulary];
        double logProbability = 0;
        int accurate = 0;
        var clock = new Stopwatch();
        for (int row = 0; row < _request.Tail; row++)
        {
            cancellation.ThrowIfCancellationRequested();
            clock.Start();
            ReadOnlySpan<float> logits = session.Decode(window[_context + row]);
            clock.Stop();
            LogProbabilities.All(logits, logProbabilities.AsSpan(row * vocabulary, vocabulary));
            if (row + 1 < _request.Tail)
            {
                int next = window[_context + row + 1];
                logProbability += LogProbabilities.Of(logits, next);
                accurate += TensorPrimitives.IndexOfMax(logits) == next ? 1 : 0;
            }
        }

        return new ExactWindow(logProbabilities, logProbability, accurate, clock.Elapsed.TotalSeconds);
    }

    private IEnumerable<(int Length, int Keys, int Depth, IReadOnlyList<ExactMatchTask> Passages)> Cells(MeasuringText text, int planContext)
    {
        if (_request.NeedleGrid is not { } grid)
            return [];
        IReadOnlyList<int> lengths = grid.Lengths ?? [_context + _request.Tail];
        if (lengths.Any(length => length > planContext))
        {
            throw new TailorKVException(
                $"passages of {lengths.Max()} tokens do not fit into the plan's {planContext}", LongerContext.Remedy("Ask for shorter passages", lengths.Max(), _model.Shape.ContextLength));
        }

        return from length in lengths
               from keys in grid.Keys
               from depth in grid.Depths
               select (length, keys, depth, text.NeedlesAt(grid.Passages, length, keys, depth, _request.Seed));
    }

    private int[] FullRight(Plan plan, IProgress<WorkProgress>? progress, CancellationToken cancellation)
    {
        if (_fullRight is not null || Questions().All(tasks => tasks.Count == 0))
            return _fullRight ??= [.. Questions().Select(_ => 0)];
        using Session full = _model.CreateSession(Plan.Uniform(_model.Fingerprint, plan.Target.Context, new FullPolicy(), plan.PrefillChunk));
        return _fullRight = Right(full, "answers, full cache", progress, cancellation);
    }

    // The passages of the model's own task, each cell's, each file's tasks.
    private IEnumerable<IReadOnlyList<JudgedTask>> Questions() => [_passages, .. _cells.Select(cell => cell.Passages), .. _taskFiles.Select(file => file.Tasks)];

    private int[] Right(Session session, string step, IProgress<WorkProgress>? progress, CancellationToken cancellation)
    {
        int all = Questions().Sum(tasks => tasks.Count);
        int done = 0;
        return [.. Questions().Select(tasks => tasks.Count(task => task.IsRight(session, WorkProgress.Part(progress, step, done++, all), cancellation)))];
    }

    private sealed record ExactWindow(float[] LogProbabilities, double LogProbability, int Accurate, double Seconds);
}
