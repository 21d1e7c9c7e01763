using TailorKV.Planner.Models;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Exact;

/// <summary>
/// Uncoded values of one KV head in panels of channels, [panels, capacity, channels of a panel]: as many as are summed at once in registers, so that memory is read from end to end. A token's
/// value lies at its position modulo the capacity, as in <see cref="ExactRows"/>.
/// </summary>
internal sealed class ValuePanels
{
    private readonly int _headDim;
    private readonly ExactRows[] _panels;

    public ValuePanels(Arena arena, int capacity, int headDim, ExactPrecision precision)
    {
        _headDim = headDim;
        _panels = new ExactRows[(headDim + Channels - 1) / Channels];
        for (int panel = 0; panel < _panels.Length; panel++)
            _panels[panel] = new ExactRows(arena, capacity, Math.Min(Channels, headDim - (panel * Channels)), precision);
    }

    /// <summary>Channels of a panel but the last: four vectors, of those of AVX2 where there are none at all. Their bytes are whole cache lines.</summary>
    private static int Channels => 4 * Math.Max(Lanes256.Count, VectorWidth.Widest);

    public void Write(int position, ReadOnlySpan<float> value)
    {
        for (int panel = 0; panel < _panels.Length; panel++)
            _panels[panel].Write(position, Of(panel, value));
    }

    /// <summary>Writes values of consecutive positions from [count, headDim].</summary>
    public void WriteRange(int position, ReadOnlySpan<float> values)
    {
        for (int start = 0; start < values.Length; start += _headDim)
            Write(position++, values.Slice(start, _headDim));
    }

    /// <summary>For each of the outputs [n, headDim]: output += weights[output * stride + i] * value(from + i).</summary>
    public void AddWeighted(ReadOnlySpan<float> weights, int stride, int from, int to, Span<float> outputs)
    {
        for (int panel = 0; panel < _panels.Length; panel++)
            _panels[panel].AddWeighted(weights, stride, from, to, outputs.Length / _headDim, outputs[(panel * Channels)..], _headDim);
    }

    private ReadOnlySpan<float> Of(int panel, ReadOnlySpan<float> value) => value[(panel * Channels)..Math.Min((panel + 1) * Channels, _headDim)];
}
