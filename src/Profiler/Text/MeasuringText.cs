using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using TailorKV.Planner;
using TailorKV.Planner.Models;
using TailorKV.Planner.Profiles;
using TailorKV.Profiler.Tasks;
using TailorKV.Runtime;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Sessions;
using TailorKV.Runtime.Verification;

namespace TailorKV.Profiler.Text;

/// <summary>
/// Text that a model is measured on: a file the caller names, else the <c>text.txt</c> beside the model, else text sampled from the model itself.
/// Its first half is for calibration and its second for judgement, so that a plan is never judged on what it was made from.
/// </summary>
public sealed class MeasuringText
{
    private readonly CausalLanguageModel _model;
    private readonly NeedleTask? _needles;
    private readonly int[]? _tokens;

    private MeasuringText(CausalLanguageModel model, string source, NeedleTask? needles, int[]? tokens) =>
        (_model, Source, _needles, _tokens) = (model, source, needles, tokens);

    /// <summary>Where the text came from: a file's name, or "sampled from the model".</summary>
    public string Source { get; }

    /// <summary>Opens the text.</summary>
    /// <param name="model">The model.</param>
    /// <param name="path">The file, UTF-8; null for what lies beside the model, or else the model's own words.</param>
    /// <exception cref="InvalidFileException">The file cannot be read.</exception>
    public static MeasuringText Open(CausalLanguageModel model, string? path)
    {
        NeedleTask? needles = NeedleTask.Find(model.Path);
        string beside = ModelFolder.File(model.Path, "text.txt");
        path ??= File.Exists(beside) ? beside : null;
        if (path is null)
            return new MeasuringText(model, "sampled from the model", null, null);
        return new MeasuringText(model, Path.GetFileName(path), needles, [.. model.Tokenizer.Encode(TextFile.Read(path), parseSpecial: false)]);
    }

    /// <summary>
    /// Draws windows. For a model with a needle task each window holds notes and ends with a question and its answer, so that what the model is for is
    /// measured too.
    /// </summary>
    /// <param name="purpose">Which half to draw from.</param>
    /// <param name="count">Windows.</param>
    /// <param name="length">Tokens of each.</param>
    /// <param name="seed">Draws them; the same seed draws the same windows.</param>
    /// <param name="progress">Told the share done, 0 to 1, where text is sampled.</param>
    /// <param name="cancellation">Ends the sampling.</param>
    /// <exception cref="TailorKVException">The text is too short.</exception>
    public IReadOnlyList<int[]> Windows(
        TextPurpose purpose, int count, int length, int seed, IProgress<double>? progress = null, CancellationToken cancellation = default) =>
        [.. Enumerable.Range(0, count).Select(i => Window(purpose, i, count, length, seed, progress, cancellation))];

    /// <summary>Draws one of the windows that <see cref="Windows"/> draws.</summary>
    /// <param name="purpose">Which half to draw from.</param>
    /// <param name="index">Which of the windows, from 0.</param>
    /// <param name="count">Windows.</param>
    /// <param name="length">Tokens of each.</param>
    /// <param name="seed">Draws them.</param>
    /// <param name="progress">Told the share of all windows done, 0 to 1, where text is sampled.</param>
    /// <param name="cancellation">Ends the sampling.</param>
    /// <exception cref="TailorKVException">The text is too short.</exception>
    public int[] Window(
        TextPurpose purpose, int index, int count, int length, int seed, IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        var random = new Random(HashSeed(seed, purpose, index));
        return _tokens is null ? Sample(length, random, progress, (double)index / count, 1.0 / count, cancellation)
            : _needles is not null ? NeedleWindow(purpose, length, random)
            : Stratum(Half(purpose), index, count, length, random);
    }

    /// <summary>The part of the text that serves a purpose; null where text is sampled.</summary>
    public TextPart? Part(TextPurpose purpose) =>
        _tokens is null ? null : new TextPart(purpose == TextPurpose.Calibration ? 0 : _tokens.Length / 2, Half(purpose).Length, Hash([Half(purpose).ToArray()]));

    /// <summary>Draws passages with questions from the judgement half; empty where the model has no needle task.</summary>
    /// <param name="count">Passages.</param>
    /// <param name="length">Tokens of each, question and answer included.</param>
    /// <param name="seed">Draws them.</param>
    public IReadOnlyList<ExactMatchTask> Needles(int count, int length, int seed) =>
        _needles is null || _tokens is null
            ? []
            : [.. Enumerable.Range(0, count).Select(i => _needles.Draw(_model.Tokenizer, Half(TextPurpose.Judgement), length, new Random(HashSeed(seed, TextPurpose.Needles, i))))];

    /// <summary>Draws passages with questions from the judgement half, the fact asked for at a depth; by the model's needle task, else by <see cref="NeedleTask.Plain"/>.</summary>
    /// <param name="count">Passages.</param>
    /// <param name="length">Tokens of each, question and answer included.</param>
    /// <param name="keys">Facts in each.</param>
    /// <param name="depth">Where the fact asked for stands, in percent of the text: 0 at its beginning, 100 at its end.</param>
    /// <param name="seed">Draws them.</param>
    /// <exception cref="TailorKVException">There is no text, or too little.</exception>
    public IReadOnlyList<ExactMatchTask> NeedlesAt(int count, int length, int keys, int depth, int seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(keys, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(depth);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(depth, 100);
        if (_tokens is null)
            throw new TailorKVException("there is no text to hide facts in", "Give one with --text");
        NeedleTask task = (_needles ?? NeedleTask.Plain) with { Notes = keys };
        return [.. Enumerable.Range(0, count).Select(i => task.DrawAt(_model.Tokenizer, Half(TextPurpose.Judgement), length, depth / 100.0, new Random(HashSeed(seed, TextPurpose.Needles, i))))];
    }

    /// <summary>SHA-256 of tokens as little-endian 32-bit integers, in hexadecimal.</summary>
    public static string Hash(IEnumerable<int[]> windows)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var bytes = new byte[sizeof(int)];
        foreach (int token in windows.SelectMany(window => window))
        {
            BinaryPrimitives.WriteInt32LittleEndian(bytes, token);
            hash.AppendData(bytes);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    // Random's own seeds are close for close numbers, and HashCode differs from one process to the next.
    private static int HashSeed(int seed, TextPurpose purpose, int index) =>
        BinaryPrimitives.ReadInt32LittleEndian(SHA256.HashData(Encoding.ASCII.GetBytes($"{seed} {purpose} {index}")));

    private ReadOnlySpan<int> Half(TextPurpose purpose) =>
        purpose == TextPurpose.Calibration ? _tokens.AsSpan(0, _tokens!.Length / 2) : _tokens.AsSpan(_tokens!.Length / 2);

    private int[] NeedleWindow(TextPurpose purpose, int length, Random random)
    {
        ExactMatchTask passage = _needles!.Draw(_model.Tokenizer, Half(purpose), length, random);
        return [.. passage.Context, .. passage.Question, .. passage.Answer];
    }

    private int[] Stratum(ReadOnlySpan<int> half, int index, int count, int length, Random random)
    {
        int[] begin = _model.Tokenizer is { AddsBeginToken: true, BeginToken: { } token } ? [token] : [];
        int needed = length - begin.Length;
        if (half.Length < needed)
        {
            throw new TailorKVException(
                $"{Source} has {_tokens!.Length} tokens, half of them for each purpose, and a window takes {needed}", "Give a longer text with --text, or a shorter --context");
        }

        // Windows are spread evenly and drawn within their share, so that they overlap only where the text is short.
        double share = (double)(half.Length - needed) / count;
        int start = (int)((index + random.NextDouble()) * share);
        return [.. begin, .. half.Slice(start, needed)];
    }

    private int[] Sample(int length, Random random, IProgress<double>? progress, double done, double share, CancellationToken cancellation)
    {
        using Session session = _model.CreateFullSession(length, ExactPrecision.BFloat16, prefillChunk: 1);
        var tokens = new List<int> { _model.Tokenizer.BeginToken ?? _model.Tokenizer.EndToken ?? 0 };
        var probabilities = new float[_model.Shape.VocabularySize];
        ReadOnlySpan<float> logits = session.Prefill([tokens[0]], cancellation: cancellation);
        while (tokens.Count < length)
        {
            cancellation.ThrowIfCancellationRequested();
            double left = random.NextDouble() * LogProbabilities.Weights(logits, probabilities);
            int token = 0;
            while (token < probabilities.Length - 1 && (left -= probabilities[token]) > 0)
                token++;
            tokens.Add(token);
            progress?.Report(done + (share * tokens.Count / length));
            if (tokens.Count < length)
                logits = session.Decode(token);
        }

        return [.. tokens];
    }
}
