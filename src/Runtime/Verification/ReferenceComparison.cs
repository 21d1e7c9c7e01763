using System.Numerics.Tensors;
using TailorKV.Planner;
using TailorKV.Planner.Models;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Models;
using TailorKV.Runtime.Sessions;

namespace TailorKV.Runtime.Verification;

/// <summary>
/// Runs a model, exactly and in f32, on a reference's input_ids and compares everything the reference holds: <c>logits</c> (at all positions or at
/// <c>logits_positions</c>), <c>next_logprob</c>, <c>top1</c>, and of each layer L <c>layerL.attention</c>, <c>.key</c>, <c>.value</c>, <c>.hidden_out</c>.
/// Keys and values may be those of the last tokens only, as a cache with a sliding window holds them; the last layer's hidden_out comes after the
/// final norm, as transformers gives it.
/// </summary>
public sealed class ReferenceComparison : PromptObserver
{
    private const double ClearMargin = 0.01;

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
    /// <exception cref="InvalidFileException">The reference is malformed, or for a model of another shape.</exception>
    /// <exception cref="CapacityExceededException">The machine has not enough memory free.</exception>
    public static IReadOnlyList<TensorDifference> Compare(
        CausalLanguageModel model, string path, double tolerance, IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        using SafetensorsFile reference = SafetensorsFile.Open(path);
        int[] tokens = ReadTokens(reference, path, model.Shape.VocabularySize);
        var comparison = new ReferenceComparison(model, reference, path, tolerance, tokens.Length);
        comparison.CheckShapes();
        using Session session = model.CreateFullSession(tokens.Length, ExactPrecision.Float32);
        session.Prefill(tokens, comparison, progress, cancellation);
        comparison.CompareLogits(session, tokens, cancellation);
        return comparison._differences;
    }

    /// <inheritdoc/>
    public override void OnAttended(int layer, int first, int count, ReadOnlySpan<float> normed, ReadOnlySpan<float> queries, ReadOnlySpan<float> attended)
    {
        if (!Has($"layer{layer}.attention"))
            return;
        if (!_queries.TryGetValue(layer, out float[]? all))
            _queries[layer] = all = new float[_tokens * _model.Shape.Heads * _model.Shape.HeadDim];
        queries.CopyTo(all.AsSpan(first * _model.Shape.Heads * _model.Shape.HeadDim));
    }

    /// <inheritdoc/>
    public override void OnLayerDone(int layer, ReadOnlySpan<float> keys, ReadOnlySpan<float> values, int tokens, int stride, ReadOnlySpan<float> hidden)
    {
        LayerShape shape = _model.Shape.Layer(layer);
        if (Has($"layer{layer}.attention"))
            Compare($"layer{layer}.attention", Attention(shape, _queries[layer], keys, tokens, stride));
        _queries.Remove(layer);
        CompareRows($"layer{layer}.key", shape, keys, tokens, stride);
        CompareRows($"layer{layer}.value", shape, values, tokens, stride);
        if (!Has($"layer{layer}.hidden_out"))
            return;
        float[] output = hidden.ToArray();
        if (layer == _model.Shape.Layers - 1)
            _model.Transformer.FinalNorm(hidden, tokens, output);
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
                throw new InvalidFileException(path, $"input_ids holds {token}, and the model's vocabulary has {vocabulary} entries", "Give a reference of this model");
        }

        return [.. tokens.Select(token => (int)token)];
    }

    private static float[] Attention(LayerShape shape, float[] queries, ReadOnlySpan<float> keys, int tokens, int stride)
    {
        var probabilities = new float[shape.Heads * tokens * tokens];
        for (int head = 0; head < shape.Heads; head++)
        {
            for (int position = 0; position < tokens; position++)
            {
                AttentionProbabilities.Compute(
                    shape, head, position, queries.AsSpan(((position * shape.Heads) + head) * shape.HeadDim, shape.HeadDim), keys, stride,
                    probabilities.AsSpan(((head * tokens) + position) * tokens, position + 1));
            }
        }

        return probabilities;
    }

    private bool Has(string name) => _reference.Names.Contains(name);

    private void CheckShapes()
    {
        ModelShape shape = _model.Shape;
        long n = _tokens;
        long rows = Has("logits_positions") ? _reference.Shape("logits_positions")[0] : n;
        Expect("logits", rows, shape.VocabularySize);
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

    private long Kept(string name) => Has(name) && _reference.Shape(name) is [_, var kept, _] && kept < _tokens ? kept : _tokens;

    private void Expect(string name, params long[] shape)
    {
        if (Has(name) && !_reference.Shape(name).SequenceEqual(shape))
        {
            throw new InvalidFileException(
                _path, $"{name} has the shape [{string.Join(", ", _reference.Shape(name))}], and for this model it would be [{string.Join(", ", shape)}]",
                "Give a reference of this model");
        }
    }

    private void Compare(string name, ReadOnlySpan<float> computed)
    {
        if (!Has(name))
            return;
        float[] expected = _reference.ReadFloats(name);
        Add(name, computed.Length, Largest(computed, expected), TensorPrimitives.MaxMagnitude<float>(expected));
    }

    private void CompareRows(string name, LayerShape shape, ReadOnlySpan<float> rows, int tokens, int stride)
    {
        if (!Has(name))
            return;
        int kept = (int)_reference.Shape(name)[1];
        var computed = new float[shape.KvHeads * kept * shape.HeadDim];
        for (int head = 0; head < shape.KvHeads; head++)
        {
            rows.Slice(((head * stride) + tokens - kept) * shape.HeadDim, kept * shape.HeadDim)
                .CopyTo(computed.AsSpan(head * kept * shape.HeadDim));
        }

        Compare(name, computed);
    }

    private void CompareLogits(Session session, int[] tokens, CancellationToken cancellation)
    {
        float[]? logits = Has("logits") ? _reference.ReadFloats("logits") : null;
        long[] positions = Has("logits_positions") ? _reference.ReadIntegers("logits_positions") : [.. Enumerable.Range(0, tokens.Length).Select(i => (long)i)];
        float[]? next = Has("next_logprob") ? _reference.ReadFloats("next_logprob") : null;
        long[]? top = Has("top1") ? _reference.ReadIntegers("top1") : null;
        var rows = positions.Select((position, row) => (position, row)).ToLookup(pair => pair.position, pair => pair.row);
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
            Add("logits", logits.Length, logitsDifference, TensorPrimitives.MaxMagnitude<float>(logits));
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
