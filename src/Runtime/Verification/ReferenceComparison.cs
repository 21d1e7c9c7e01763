using System.Numerics.Tensors;
using TailorKV.Planner;
using TailorKV.Planner.Models;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Sessions;

namespace TailorKV.Runtime.Verification;

/// <summary>
/// Runs a model, exactly and in f32, on a reference's input_ids and compares what the reference holds of it: <c>logits</c> (at all positions or at
/// <c>logits_positions</c>), <c>next_logprob</c>, <c>top1</c>, and of each layer L <c>layerL.attention</c>, <c>.key</c>, <c>.value</c>, <c>.hidden_out</c>.
/// Keys and values may be those of the last tokens only, as a cache with a sliding window holds them; the last layer's hidden_out comes after the
/// final norm, as transformers gives it.
/// </summary>
public sealed class ReferenceComparison : PromptObserver
{
    private const double ClearMargin = 0.01;
    private const string Remedy = "Give a reference of this model";

    private readonly CausalLanguageModel _model;
    private readonly SafetensorsFile _reference;
    private readonly string _path;
    private readonly double _tolerance;
    private readonly int _tokens;
    private readonly List<TensorDifference> _differences = [];
    private readonly Dictionary<int, float[]> _queries = [];

    private ReferenceComparison(CausalLanguageModel model, SafetensorsFile reference, string path, double tolerance, int tokens)
    {
        _model = model;
        _reference = reference;
        _path = path;
        _tolerance = tolerance;
        _tokens = tokens;
    }

    /// <summary>Compares.</summary>
    /// <param name="model">The model.</param>
    /// <param name="path">The reference, a safetensors file.</param>
    /// <param name="tolerance">The largest difference allowed, as a share of the largest magnitude in the tensor; for log probabilities, in nats.</param>
    /// <param name="progress">Told the share done, 0 to 1.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <returns>One entry for each tensor compared.</returns>
    /// <exception cref="InvalidFileException">The reference is malformed, for a model of another shape, or holds nothing that can be compared.</exception>
    /// <exception cref="CapacityExceededException">The machine has not enough memory free.</exception>
    public static IReadOnlyList<TensorDifference> Compare(
        CausalLanguageModel model, string path, double tolerance, IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        using SafetensorsFile reference = SafetensorsFile.Open(path);
        int[] tokens = ReadTokens(reference, path, model.Shape.VocabularySize);
        var comparison = new ReferenceComparison(model, reference, path, tolerance, tokens.Length);
        comparison.CheckShapes();
        if (comparison.Compared().Count == 0)
        {
            throw new InvalidFileException(
                path, $"nothing in it can be compared: {string.Join(", ", comparison.Skipped().Select(skipped => $"{skipped.Name} ({skipped.Reason})").DefaultIfEmpty("it holds only input_ids"))}",
                "Give a reference with logits, next_logprob, top1, or of a layer L layerL.attention, layerL.key, layerL.value or layerL.hidden_out");
        }

        using Session session = model.CreateFullSession(tokens.Length, ExactPrecision.Float32);
        session.Prefill(tokens, comparison, progress, cancellation);
        comparison.CompareLogits(session, tokens, cancellation);
        return comparison._differences;
    }

    /// <summary>What <see cref="Compare(CausalLanguageModel, string, double, IProgress{double}?, CancellationToken)"/> passes over in a reference: names it does not know, layers the model does not have, tensors without elements.</summary>
    /// <param name="model">The model.</param>
    /// <param name="path">The reference.</param>
    /// <exception cref="InvalidFileException">The reference is malformed.</exception>
    public static IReadOnlyList<SkippedTensor> Skipped(CausalLanguageModel model, string path)
    {
        using SafetensorsFile reference = SafetensorsFile.Open(path);
        return new ReferenceComparison(model, reference, path, tolerance: 0, tokens: 0).Skipped();
    }

    /// <inheritdoc/>
    public override void OnAttended(int layer, int first, int count, Workspace workspace)
    {
        if (!Has($"layer{layer}.attention"))
            return;
        if (!_queries.TryGetValue(layer, out float[]? all))
            _queries[layer] = all = new float[Elements($"layer{layer}.attention", _tokens, _model.Shape.Heads, _model.Shape.HeadDim)];
        int length = _model.Shape.Heads * _model.Shape.HeadDim;
        workspace.Queries.Read(all.AsSpan(first * length, count * length));
    }

    /// <inheritdoc/>
    public override void OnLayerDone(int layer, KeyValues prompt, int tokens, DeviceTensor hidden)
    {
        LayerShape shape = _model.Shape.Layer(layer);
        if (Has($"layer{layer}.attention"))
            CompareAttention(layer, shape, prompt, tokens);
        _queries.Remove(layer);
        CompareRows($"layer{layer}.key", shape, prompt.Keys, tokens, prompt.Stride);
        CompareRows($"layer{layer}.value", shape, prompt.Values, tokens, prompt.Stride);
        if (!Has($"layer{layer}.hidden_out"))
            return;
        var output = new float[hidden.Length];
        if (layer == _model.Shape.Layers - 1)
        {
            using DeviceArena arena = _model.Backend.TakeDevice("final norm", CacheBytes.Align(hidden.Length * sizeof(float)));
            DeviceTensor normed = arena.TakeTensor(hidden.Length);
            _model.CreateTransformer(tokens).FinalNorm(hidden, tokens, normed);
            normed.Read(output);
        }
        else
        {
            hidden.Read(output);
        }

        Compare($"layer{layer}.hidden_out", output);
    }

    private static int[] ReadTokens(SafetensorsFile reference, string path, int vocabulary)
    {
        if (!reference.Names.Contains("input_ids"))
            throw new InvalidFileException(path, "it holds no input_ids", "Give a reference with input_ids [n] and the tensors to compare");
        if (reference.Shape("input_ids") is not [> 0 and < int.MaxValue])
            throw new InvalidFileException(path, $"input_ids has the shape [{string.Join(", ", reference.Shape("input_ids"))}]", "Give a reference with input_ids [n]");
        long[] tokens = reference.ReadIntegers("input_ids");
        foreach (long token in tokens)
        {
            if (token < 0 || token >= vocabulary)
                throw new InvalidFileException(path, $"input_ids holds {token}, and the model's vocabulary has {vocabulary} entries", Remedy);
        }

        return [.. tokens.Select(token => (int)token)];
    }

    private void CompareAttention(int layer, LayerShape shape, KeyValues prompt, int tokens)
    {
        using Arena arena = _model.Backend.TakeHost("keys", CacheBytes.Align(prompt.Keys.Length * sizeof(float)));
        HostTensor keys = arena.TakeTensor(prompt.Keys.Length);
        prompt.Keys.CopyTo(keys);
        float? softCap = _model.CreateTransformer(tokens).AttentionSoftCap;
        float[] queries = _queries[layer];
        var probabilities = new float[shape.Heads * tokens * tokens];
        for (int head = 0; head < shape.Heads; head++)
        {
            for (int position = 0; position < tokens; position++)
            {
                AttentionProbabilities.Compute(
                    shape, head, position, queries.AsSpan(((position * shape.Heads) + head) * shape.HeadDim, shape.HeadDim), keys, prompt.Stride, softCap,
                    probabilities.AsSpan(((head * tokens) + position) * tokens, position + 1));
            }
        }

        Compare($"layer{layer}.attention", probabilities);
    }

    private static IEnumerable<string> OfLayer(int layer) =>
        new[] { "attention", "key", "value", "hidden_out" }.Select(part => $"layer{layer}.{part}");

    /// <summary>Whether the reference holds numbers by a name.</summary>
    private bool Has(string name) => _reference.Names.Contains(name) && !_reference.Shape(name).Contains(0);

    private List<string> Compared() =>
        [.. new[] { "logits", "next_logprob", "top1" }.Concat(Enumerable.Range(0, _model.Shape.Layers).SelectMany(OfLayer)).Where(Has)];

    private List<SkippedTensor> Skipped()
    {
        HashSet<string> compared = [.. Compared(), "input_ids"];
        if (Has("logits"))
            compared.Add("logits_positions");
        HashSet<string> known = ["logits", "logits_positions", "next_logprob", "top1", .. Enumerable.Range(0, _model.Shape.Layers).SelectMany(OfLayer)];
        return [.. _reference.Names.Where(name => !compared.Contains(name)).Order(StringComparer.Ordinal).Select(name => new SkippedTensor(
            name,
            !known.Contains(name) ? $"not known of a model of {_model.Shape.Layers} layers"
                : _reference.Shape(name).Contains(0) ? "it is empty"
                : "there are no logits at these positions"))];
    }

    private void CheckShapes()
    {
        ModelShape shape = _model.Shape;
        long n = _tokens;
        Expect("logits", Positions().Length, shape.VocabularySize);
        Expect("next_logprob", n - 1);
        Expect("top1", n);
        for (int layer = 0; layer < shape.Layers; layer++)
        {
            Expect($"layer{layer}.attention", shape.Heads, n, n);
            Expect($"layer{layer}.key", shape.KvHeads, Kept($"layer{layer}.key"), shape.HeadDim);
            Expect($"layer{layer}.value", shape.KvHeads, Kept($"layer{layer}.value"), shape.HeadDim);
            Expect($"layer{layer}.hidden_out", n, shape.HiddenSize);
        }
    }

    /// <summary>The positions that the rows of logits are of.</summary>
    private long[] Positions()
    {
        const string Name = "logits_positions";
        if (!Has("logits") || !_reference.Names.Contains(Name))
            return [.. Enumerable.Range(0, _tokens).Select(position => (long)position)];
        if (_reference.Shape(Name).Count != 1)
            throw new InvalidFileException(_path, $"{Name} has the shape [{string.Join(", ", _reference.Shape(Name))}]", $"Give {Name} as [m]");
        long[] positions = _reference.ReadIntegers(Name);
        foreach (long position in positions)
        {
            if (position < 0 || position >= _tokens)
                throw new InvalidFileException(_path, $"{Name} holds {position}, and input_ids has the positions 0 to {_tokens - 1}", "Give positions of input_ids");
        }

        return positions;
    }

    /// <summary>The product of dimensions, where so many elements can be compared.</summary>
    private int Elements(string name, params long[] shape)
    {
        Int128 elements = 1;
        foreach (long dimension in shape)
            elements *= dimension;
        return elements <= Array.MaxLength ? (int)elements
            : throw new InvalidFileException(_path, $"comparing {name} takes {elements} elements at once, and {Array.MaxLength} can be held", "Give a reference of fewer tokens");
    }

    private long Kept(string name) => Has(name) && _reference.Shape(name) is [_, var kept, _] && kept < _tokens ? kept : _tokens;

    private void Expect(string name, params long[] shape)
    {
        if (!Has(name))
            return;
        if (!_reference.Shape(name).SequenceEqual(shape))
        {
            throw new InvalidFileException(
                _path, $"{name} has the shape [{string.Join(", ", _reference.Shape(name))}], and for this model it would be [{string.Join(", ", shape)}]", Remedy);
        }

        Elements(name, shape);
    }

    private void Compare(string name, ReadOnlySpan<float> computed)
    {
        if (!Has(name))
            return;
        float[] expected = _reference.ReadFloats(name);
        Add(name, computed.Length, Largest(computed, expected), Math.Abs(TensorPrimitives.MaxMagnitude<float>(expected)));
    }

    private void CompareRows(string name, LayerShape shape, DeviceTensor rows, int tokens, int stride)
    {
        if (!Has(name))
            return;
        int kept = (int)_reference.Shape(name)[1];
        var computed = new float[shape.KvHeads * kept * shape.HeadDim];
        for (int head = 0; head < shape.KvHeads; head++)
        {
            rows.Part((((long)head * stride) + tokens - kept) * shape.HeadDim, (long)kept * shape.HeadDim)
                .Read(computed.AsSpan(head * kept * shape.HeadDim, kept * shape.HeadDim));
        }

        Compare(name, computed);
    }

    private void CompareLogits(Session session, int[] tokens, CancellationToken cancellation)
    {
        if (!Has("logits") && !Has("next_logprob") && !Has("top1"))
            return;
        float[]? logits = Has("logits") ? _reference.ReadFloats("logits") : null;
        float[]? next = Has("next_logprob") ? _reference.ReadFloats("next_logprob") : null;
        long[]? top = Has("top1") ? _reference.ReadIntegers("top1") : null;
        if (top?.FirstOrDefault(token => token < 0 || token >= _model.Shape.VocabularySize) is { } wrong && wrong != 0)
            throw new InvalidFileException(_path, $"top1 holds {wrong}, and the model's vocabulary has {_model.Shape.VocabularySize} entries", Remedy);
        var rows = Positions().Select((position, row) => (position, row)).ToLookup(pair => pair.position, pair => pair.row);
        double logitsDifference = 0;
        double nextDifference = 0;
        int topDifferences = 0;
        session.PromptLogits(
            0,
            (position, computed) =>
            {
                foreach (int row in rows[position])
                {
                    if (logits is not null)
                        logitsDifference = Math.Max(logitsDifference, Largest(computed, logits.AsSpan(row * computed.Length, computed.Length)));
                }

                if (next is not null && position < next.Length)
                    nextDifference = Larger(nextDifference, Math.Abs(LogProbabilities.Of(computed, tokens[position + 1]) - next[position]));
                if (top is not null && TensorPrimitives.IndexOfMax(computed) is int best && best != top[position] && Margin(computed, best) > ClearMargin)
                    topDifferences++;
            },
            cancellation);
        if (logits is not null)
            Add("logits", logits.Length, logitsDifference, Math.Abs(TensorPrimitives.MaxMagnitude<float>(logits)));
        if (next is not null)
            Add("next_logprob", next.Length, nextDifference, 1);
        if (top is not null)
            Add("top1", top.Length, topDifferences, 1);
    }

    private void Add(string name, long elements, double absolute, double scale)
    {
        double relative = scale > 0 ? absolute / scale : absolute;
        _differences.Add(new TensorDifference(name, elements, absolute, relative, relative <= _tolerance));
    }

    private static double Largest(ReadOnlySpan<float> computed, ReadOnlySpan<float> expected)
    {
        double largest = 0;
        for (int i = 0; i < computed.Length; i++)
            largest = Larger(largest, Math.Abs((double)computed[i] - expected[i]));
        return largest;
    }

    // A NaN counts as infinitely far, where Math.Max against it would be lost on the next comparison.
    private static double Larger(double a, double b) => double.IsNaN(b) ? double.PositiveInfinity : Math.Max(a, b);

    private static double Margin(ReadOnlySpan<float> logits, int best)
    {
        float second = float.NegativeInfinity;
        for (int i = 0; i < logits.Length; i++)
        {
            if (i != best)
                second = Math.Max(second, logits[i]);
        }

        return logits[best] - second;
    }
}
