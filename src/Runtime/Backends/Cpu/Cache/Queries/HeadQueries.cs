using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Backends.Cpu.Rotary;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Queries;

/// <summary>What is kept of a prompt's queries of the heads that share one KV head, chunk by chunk, until the prompt's keys and values are loaded.</summary>
internal sealed class HeadQueries
{
    private readonly PromptQueryNeeds _needs;
    private readonly int _group;
    private readonly int _headDim;

    // [last, group, headDim]: a position's queries lie at the position modulo their number.
    private readonly NativeBuffer<float> _last;

    // [group]: the sums of queries, [headDim], then of the products of each element and those from it on, headDim, headDim - 1, and so on.
    private readonly NativeBuffer<double> _sums;

    /// <summary>Takes its memory.</summary>
    /// <param name="needs">What is to be kept.</param>
    /// <param name="layer">The layer's shape.</param>
    /// <param name="softCap">The <see cref="Numbers.SoftCap"/> of the layer's scores, or null.</param>
    /// <param name="arena">Where buffers come from.</param>
    public HeadQueries(PromptQueryNeeds needs, LayerShape layer, float? softCap, Arena arena)
    {
        SoftCap = softCap;
        (_needs, _group, _headDim) = (needs, layer.Heads / layer.KvHeads, layer.HeadDim);
        _last = arena.Take<float>((long)needs.Last * _group * _headDim);
        _sums = arena.Take<double>(needs.Moments ? _group * (long)Moments : 0);
    }

    /// <summary>Tokens of the prompt seen so far.</summary>
    public int Tokens { get; private set; }

    /// <summary>Query heads.</summary>
    public int Group => _group;

    /// <summary>What these queries' scores with keys are capped to before the softmax (<see cref="Numbers.SoftCap"/>); null where they are not.</summary>
    public float? SoftCap { get; }

    /// <summary>The rotary embedding of the layer; null where it has none.</summary>
    public RotaryEmbedding? Rotary { get; private set; }

    /// <summary>The first position whose queries are kept, up to the prompt's last.</summary>
    public int FirstKept => Math.Max(0, Tokens - _needs.Last);

    private int Moments => _headDim * (_headDim + 3) / 2;

    /// <summary>Forgets the prompt.</summary>
    public void Clear() => Tokens = 0;

    /// <summary>Takes a chunk's queries; the first chunk starts over.</summary>
    /// <param name="kvHead">The KV head.</param>
    /// <param name="first">Position of the first token: as many as there have been before.</param>
    /// <param name="count">Tokens.</param>
    /// <param name="queries">[count, heads, headDim], after RoPE, scaled.</param>
    /// <param name="heads">Query heads of the layer.</param>
    /// <param name="rotary">What turned them, or null.</param>
    [SkipLocalsInit]
    public void Add(int kvHead, int first, int count, ReadOnlySpan<float> queries, int heads, RotaryEmbedding? rotary)
    {
        if (first == 0)
            _sums.Fill(0);
        else
            ArgumentOutOfRangeException.ThrowIfNotEqual(first, Tokens);
        (Tokens, Rotary) = (first + count, rotary);
        if (!_needs.Any)
            return;
        using Scratch<float> room = new(stackalloc float[Scratch<float>.Little], 3 * _headDim);
        using Scratch<double> wide = new(stackalloc double[Scratch<double>.Little], 2 * _headDim);
        int width = _group * _headDim;
        for (int row = 0; row < count; row++)
        {
            ReadOnlySpan<float> group = queries.Slice(((row * heads) + (kvHead * _group)) * _headDim, width);
            if (_needs.Last > 0 && first + row >= FirstKept)
                group.CopyTo(At(first + row));
            for (int member = 0; member < _group && _needs.Moments; member++)
            {
                Span<float> query = room.Span[.._headDim];
                group.Slice(member * _headDim, _headDim).CopyTo(query);
                rotary?.TurnBack(first + row, query, room.Span[_headDim..]);
                AddMoments(member, query, wide.Span[.._headDim], wide.Span[_headDim..]);
            }
        }
    }

    /// <summary>Takes what another has of a prompt.</summary>
    /// <param name="other">One that keeps as much at least.</param>
    /// <exception cref="ArgumentException">It keeps less.</exception>
    public void CopyFrom(HeadQueries other)
    {
        if (other._needs.Last < _needs.Last || (_needs.Moments && !other._needs.Moments))
            throw new ArgumentException("The prompt was recorded without the queries that this layer's policy asks for.", nameof(other));
        (Tokens, Rotary) = (other.Tokens, other.Rotary);
        for (int position = FirstKept; position < Tokens && _needs.Last > 0; position++)
            other.At(position).CopyTo(At(position));
        if (_needs.Moments)
            other._sums.CopyTo(_sums);
    }

    /// <summary>One of the queries kept, as it meets keys.</summary>
    /// <param name="position">Its position, from <see cref="FirstKept"/> on.</param>
    /// <param name="member">The query head, of those that share the KV head.</param>
    public ReadOnlySpan<float> At(int position, int member) => At(position).Slice(member * _headDim, _headDim);

    /// <summary>Mean and covariance of all queries of a head, before RoPE.</summary>
    /// <param name="member">The query head, of those that share the KV head.</param>
    /// <param name="mean">[headDim].</param>
    /// <param name="covariance">[headDim, headDim].</param>
    public void Moment(int member, Span<double> mean, Span<double> covariance)
    {
        ReadOnlySpan<double> sums = _sums.Slice((long)member * Moments, Moments), products = sums[_headDim..];
        TensorPrimitives.Divide(sums[.._headDim], Tokens, mean);
        for (int i = 0, place = 0; i < _headDim; i++)
        {
            for (int j = i; j < _headDim; j++, place++)
                covariance[(i * _headDim) + j] = covariance[(j * _headDim) + i] = (products[place] / Tokens) - (mean[i] * mean[j]);
        }
    }

    private Span<float> At(int position) => _last.Slice((long)(position % _needs.Last) * _group * _headDim, _group * _headDim);

    private void AddMoments(int member, ReadOnlySpan<float> query, Span<double> wide, Span<double> scaled)
    {
        TensorPrimitives.ConvertTruncating(query, wide);
        Span<double> sums = _sums.Slice((long)member * Moments, Moments), products = sums[_headDim..];
        TensorPrimitives.Add(sums[.._headDim], wide, sums[.._headDim]);
        for (int i = 0, place = 0; i < _headDim; i++)
        {
            Span<double> row = products.Slice(place, _headDim - i), product = scaled[..row.Length];
            TensorPrimitives.Multiply(wide[i..], wide[i], product);
            TensorPrimitives.Add(row, product, row);
            place += row.Length;
        }
    }
}
