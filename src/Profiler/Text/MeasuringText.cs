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
/// Text that a model is measured on: files the caller names, else the <c>text.txt</c> beside the model, else text sampled from the model itself.
/// A file's first half is for calibration and its second for judgement, so that a plan is never judged on what it was made from.
/// </summary>
public sealed class MeasuringText
{
    private readonly CausalLanguageModel _model;
    private readonly NeedleTask? _needles;
    private readonly HalvedText[] _files;

    private MeasuringText(CausalLanguageModel model, string source, NeedleTask? needles, HalvedText[] files) =>
        (_model, Source, _needles, _files) = (model, source, needles, files);

    /// <summary>Where the text came from: a file's name, the names of several with commas between them, or "sampled from the model".</summary>
    public string Source { get; }

    /// <summary>The parts of each file where there are several; null where there is one, as <see cref="Part"/> has its parts, and where text is sampled.</summary>
    public IReadOnlyList<CalibrationFile>? Files => _files.Length < 2
        ? null
        : [.. _files.Select(file => new CalibrationFile(file.Name, file.Part(TextPurpose.Calibration), file.Part(TextPurpose.Judgement)))];

    /// <summary>Opens the text.</summary>
    /// <param name="model">The model.</param>
    /// <param name="path">The file, UTF-8; null for what lies beside the model, or else the model's own words.</param>
    /// <exception cref="InvalidFileException">The file cannot be read.</exception>
    public static MeasuringText Open(CausalLanguageModel model, string? path) => OpenAll(model, path is null ? [] : [path]);

    /// <summary>Opens a text of several files: windows are drawn from them in turn.</summary>
    /// <param name="model">The model.</param>
    /// <param name="paths">The files, UTF-8; none for what lies beside the model, or else the model's own words.</param>
    /// <exception cref="InvalidFileException">A file cannot be read, or is named twice.</exception>
    public static MeasuringText OpenAll(CausalLanguageModel model, IReadOnlyList<string> paths)
    {
        NeedleTask? needles = NeedleTask.Find(model.Path);
        if (IsSampled(model.Path, paths))
            return new MeasuringText(model, "sampled from the model", null, []);
        string[] files = paths.Count == 0 ? [Beside(model.Path)] : [.. paths];
        if (files.GroupBy(Path.GetFullPath, StringComparer.Ordinal).FirstOrDefault(file => file.Count() > 1) is { } twice)
            throw new InvalidFileException(twice.First(), "it is named twice, and would count twice", "Name each text once");
        return new MeasuringText(
            model, string.Join(", ", files.Select(Path.GetFileName)), needles, [.. files.Select(file => new HalvedText(Path.GetFileName(file), [.. model.Tokenizer.Encode(TextFile.Read(file), parseSpecial: false)]))]);
    }

    /// <summary>Whether there is no text, so that it would be sampled from the model.</summary>
    /// <param name="modelPath">The model's folder or file.</param>
    /// <param name="paths">Files that the caller names.</param>
    public static bool IsSampled(string modelPath, IReadOnlyList<string> paths) => paths.Count == 0 && !File.Exists(Beside(modelPath));

    /// <summary>As many windows as are wanted or the fewest more of which each file gets as many as the others.</summary>
    /// <param name="wanted">How many are wanted, at least 1.</param>
    public int EvenWindows(int wanted) => EvenWindows(wanted, _files.Length);

    /// <summary>As many windows as are wanted or the fewest more of which each of some files gets as many as the others.</summary>
    /// <param name="wanted">How many are wanted, at least 1.</param>
    /// <param name="files">Files; 0 where text is sampled.</param>
    public static int EvenWindows(int wanted, int files) => files == 0 ? wanted : (wanted + files - 1) / files * files;

    /// <summary>
    /// Draws windows, from each file in turn. For a model with a needle task each window holds notes and ends with a question and its answer, so that what the model is for is
    /// measured too.
    /// </summary>
    /// <param name="purpose">Which half to draw from.</param>
    /// <param name="count">Windows.</param>
    /// <param name="length">Tokens of each.</param>
    /// <param name="seed">Draws them; the same seed draws the same windows.</param>
    /// <param name="progress">Told the share done, 0 to 1, where text is sampled.</param>
    /// <param name="cancellation">Ends the sampling.</param>
    /// <exception cref="TailorKVException">The text is too short, or there are fewer windows than files.</exception>
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
    /// <exception cref="TailorKVException">The text is too short, or there are fewer windows than files.</exception>
    public int[] Window(
        TextPurpose purpose, int index, int count, int length, int seed, IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        var random = new Random(HashSeed(seed, purpose, index));
        if (_files.Length == 0)
            return Sample(length, random, progress, (double)index / count, 1.0 / count, cancellation);
        if (count < _files.Length)
            throw new TailorKVException($"{count} windows of {_files.Length} texts leave out some of them", $"Give --windows {_files.Length} or more, or fewer texts");
        HalvedText file = FileOf(index);
        // Of the windows every so many are the file's.
        return _needles is not null
            ? NeedleWindow(file.Half(purpose), length, random)
            : Stratum(file, purpose, index / _files.Length, (count - (index % _files.Length) + _files.Length - 1) / _files.Length, length, random);
    }

    /// <summary>The part of the one file that serves a purpose; null where text is sampled, and where there are several files (<see cref="Files"/>).</summary>
    public TextPart? Part(TextPurpose purpose) => _files is [var file] ? file.Part(purpose) : null;

    /// <summary>Draws passages with questions from the judgement half; empty where the model has no needle task.</summary>
    /// <param name="count">Passages.</param>
    /// <param name="length">Tokens of each, question and answer included.</param>
    /// <param name="seed">Draws them.</param>
    public IReadOnlyList<ExactMatchTask> Needles(int count, int length, int seed) =>
        _needles is null || _files.Length == 0
            ? []
            : [.. Enumerable.Range(0, count).Select(i => _needles.Draw(_model.Tokenizer, FileOf(i).Half(TextPurpose.Judgement), length, new Random(HashSeed(seed, TextPurpose.Needles, i))))];

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
        if (_files.Length == 0)
            throw new TailorKVException("there is no text to hide facts in", "Give one with --text");
        NeedleTask task = (_needles ?? NeedleTask.Plain) with { Notes = keys };
        return [.. Enumerable.Range(0, count).Select(i => task.DrawAt(_model.Tokenizer, FileOf(i).Half(TextPurpose.Judgement), length, depth / 100.0, new Random(HashSeed(seed, TextPurpose.Needles, i))))];
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

    private static string Beside(string modelPath) => ModelFolder.File(modelPath, "text.txt");

    // Random's own seeds are close for close numbers, and HashCode differs from one process to the next.
    private static int HashSeed(int seed, TextPurpose purpose, int index) =>
        BinaryPrimitives.ReadInt32LittleEndian(SHA256.HashData(Encoding.ASCII.GetBytes($"{seed} {purpose} {index}")));

    private HalvedText FileOf(int index) => _files[index % _files.Length];

    private int[] NeedleWindow(ReadOnlySpan<int> half, int length, Random random)
    {
        ExactMatchTask passage = _needles!.Draw(_model.Tokenizer, half, length, random);
        return [.. passage.Context, .. passage.Question, .. passage.Answer];
    }

    private int[] Stratum(HalvedText file, TextPurpose purpose, int index, int count, int length, Random random)
    {
        ReadOnlySpan<int> half = file.Half(purpose);
        int[] begin = _model.Tokenizer is { AddsBeginToken: true, BeginToken: { } token } ? [token] : [];
        int needed = length - begin.Length;
        if (half.Length < needed)
        {
            throw new TailorKVException(
                $"{file.Name} has {file.Tokens.Length} tokens, half of them for each purpose, and a window takes {needed}", "Give a longer text with --text, or a shorter --context");
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
