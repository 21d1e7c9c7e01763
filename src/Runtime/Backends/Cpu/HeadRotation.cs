using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using TailorKV.Runtime.Backends.Cpu.Rotary;
using TailorKV.Runtime.Backends.Cpu.Threads;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Backends.Cpu;

/// <summary>What turns projected heads into queries or keys: a norm where the model has one, of each head or of all together, a rotary embedding where it has one, a scale. Some tokens at a time.</summary>
/// <param name="rotary">The embedding, or null.</param>
/// <param name="rows">[count, heads, headDim].</param>
/// <param name="heads">Heads of a token.</param>
/// <param name="headDim">Elements of a head.</param>
/// <param name="first">Position of the first token.</param>
/// <param name="count">Tokens.</param>
/// <param name="norm">The norm's weight, [headDim] or [heads * headDim], or null.</param>
/// <param name="epsilon">As in <see cref="RowNorm"/>.</param>
/// <param name="scale">What the turned heads are multiplied by.</param>
internal readonly unsafe struct HeadRotation(
    RotaryEmbedding? rotary, float* rows, int heads, int headDim, int first, int count, float[]? norm, float epsilon, float scale) : IWork
{
    private readonly RotaryEmbedding? _rotary = rotary;
    private readonly float* _rows = rows;
    private readonly int _heads = heads;
    private readonly int _headDim = headDim;
    private readonly int _first = first;
    private readonly int _count = count;
    private readonly float[]? _norm = norm;
    private readonly float _epsilon = epsilon;
    private readonly float _scale = scale;

    /// <summary>How many parts there are.</summary>
    public int Parts => RowParts.Of(_count);

    /// <inheritdoc/>
    [SkipLocalsInit]
    public void Run(int part)
    {
        using Scratch<float> room = new(stackalloc float[Scratch<float>.Little], 2 * _headDim);
        int pairs = _rotary?.Pairs ?? 0;
        Span<float> cosines = room.Span[..pairs], sines = room.Span.Slice(pairs, pairs), one = room.Span.Slice(_headDim, 2 * pairs);
        int width = _heads * _headDim, end = RowParts.End(part, _count);
        for (int row = RowParts.Start(part); row < end; row++)
        {
            float* start = _rows + ((nint)row * width);
            if (_norm is not null)
                new RowNorm(start, null, 1, width / _norm.Length, _norm, _epsilon, start).RunAll();
            var turned = new Span<float>(start, width);
            if (_rotary is not null)
            {
                _rotary.Angles(_first + row, cosines, sines);
                for (int head = 0; head < width; head += _headDim)
                    _rotary.Apply(turned.Slice(head, _headDim), cosines, sines, one);
            }

            if (_scale != 1)
                TensorPrimitives.Multiply(turned, _scale, turned);
        }
    }
}
