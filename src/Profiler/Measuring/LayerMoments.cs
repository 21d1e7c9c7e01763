using TailorKV.Planner.Models;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Sessions;

namespace TailorKV.Profiler.Measuring;

/// <summary>The mean squares of a prompt's queries and keys, channel by channel, and the mean products of its values' channels, that <see cref="KeyCalibration"/>s are made of.</summary>
/// <param name="transformer">What reads the prompt.</param>
/// <param name="tokens">Tokens of the prompt that count, the first ones.</param>
internal sealed class LayerMoments(Transformer transformer, int tokens) : PromptObserver
{
    // Every policy keeps a prompt's first tokens exactly, and their keys and values are unlike all others.
    private const int Sinks = 4;

    private readonly ModelShape _shape = transformer.Shape;
    private readonly double[][] _queries = [.. Enumerable.Range(0, transformer.Shape.Layers).Select(_ => new double[transformer.Shape.KvHeads * transformer.Shape.HeadDim])];
    private readonly double[][] _keys = [.. Enumerable.Range(0, transformer.Shape.Layers).Select(_ => new double[transformer.Shape.KvHeads * transformer.Shape.HeadDim])];
    private readonly double[][][] _values = new double[transformer.Shape.Layers][][];
    private float[] _room = [];

    public override void OnAttended(int layer, int first, int count, Workspace workspace)
    {
        int headDim = _shape.HeadDim, group = _shape.Heads / _shape.KvHeads, counted = Math.Min(count, tokens - first);
        if (counted <= 0)
            return;
        Span<float> queries = Read(workspace.Queries.Part(0, (long)counted * _shape.Heads * headDim));
        for (int head = 0; head < counted * _shape.Heads; head++)
            AddSquares(queries.Slice(head * headDim, headDim), _queries[layer].AsSpan(head % _shape.Heads / group * headDim, headDim));
    }

    public override void OnLayerDone(int layer, KeyValues prompt, int tokensOfPrompt, DeviceTensor hidden)
    {
        int headDim = _shape.HeadDim, sinks = Math.Min(Sinks, tokens - 1);
        _values[layer] = new double[_shape.KvHeads][];
        for (int head = 0; head < _shape.KvHeads; head++)
        {
            Span<float> keys = Read(prompt.Keys.Part((long)head * prompt.Stride * headDim, (long)tokens * headDim));
            for (int token = sinks; token < tokens; token++)
                AddSquares(keys.Slice(token * headDim, headDim), _keys[layer].AsSpan(head * headDim, headDim));
            var moments = new ValueMoments(headDim);
            moments.Add(Read(prompt.Values.Part((long)head * prompt.Stride * headDim, (long)tokens * headDim))[(sinks * headDim)..]);
            _values[layer][head] = moments.Means();
        }
    }

    /// <summary>What they say of each layer.</summary>
    public KeyCalibration[] Calibrations() => [.. Enumerable.Range(0, _shape.Layers).Select(layer => KeyCalibration.Of(
        Roots(_queries[layer], tokens, transformer.RotaryDimensions(layer)), Roots(_keys[layer], tokens - Math.Min(Sinks, tokens - 1), transformer.RotaryDimensions(layer))).WithValues(_values[layer]))];

    /// <summary>What several texts of equal length say of each layer together.</summary>
    public static KeyCalibration[] Together(ModelShape shape, IReadOnlyList<KeyCalibration[]> texts) => [.. Enumerable.Range(0, shape.Layers).Select(layer => KeyCalibration.Of(
        Together(shape, texts, (text, head) => text[layer].QueriesOf(head, shape.HeadDim)), Together(shape, texts, (text, head) => text[layer].KeysOf(head, shape.HeadDim))).WithValues(ValuesTogether(shape, texts, layer)))];

    private Span<float> Read(DeviceTensor tensor)
    {
        if (_room.Length < tensor.Length)
            _room = new float[tensor.Length];
        Span<float> read = _room.AsSpan(0, (int)tensor.Length);
        tensor.Read(read);
        return read;
    }

    private static void AddSquares(ReadOnlySpan<float> row, Span<double> sums)
    {
        for (int i = 0; i < row.Length; i++)
            sums[i] += (double)row[i] * row[i];
    }

    private float[] Roots(double[] sums, int count, int rotaryDimensions)
    {
        var roots = new float[sums.Length];
        int half = rotaryDimensions / 2;
        for (int i = 0; i < sums.Length; i++)
        {
            int channel = i % _shape.HeadDim;
            double mean = channel >= rotaryDimensions ? sums[i] : (sums[i] + sums[channel < half ? i + half : i - half]) / 2;
            roots[i] = (float)Math.Sqrt(mean / count);
        }

        return roots;
    }

    private static float[] Together(ModelShape shape, IReadOnlyList<KeyCalibration[]> texts, Func<KeyCalibration[], int, float[]> rootsOf)
    {
        float[][] roots = [.. texts.Select(text => Enumerable.Range(0, shape.KvHeads).SelectMany(head => rootsOf(text, head)).ToArray())];
        return [.. roots[0].Select((_, i) => (float)Math.Sqrt(roots.Average(ofText => (double)ofText[i] * ofText[i])))];
    }

    private static double[][] ValuesTogether(ModelShape shape, IReadOnlyList<KeyCalibration[]> texts, int layer) => [.. Enumerable.Range(0, shape.KvHeads).Select(head =>
    {
        double[][] ofTexts = [.. texts.Select(text => text[layer].ValueMomentsOf(head, shape.HeadDim))];
        return ofTexts[0].Select((_, i) => ofTexts.Average(moments => moments[i])).ToArray();
    })];
}
