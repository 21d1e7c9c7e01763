using System.Numerics.Tensors;
using TailorKV.Planner.Policies.Codes;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Codes;

/// <summary>
/// How one KV head's channels are sorted into the tiers of a <see cref="TieredNormalFormat"/>, and turned there. What is turned of a query and of a key has the dot product that they have: keys are balanced by
/// w = (E q^2 / E k^2)^(1/4) and divided by what is left of their tier's usual size, queries the other way about.
/// </summary>
internal sealed class KeyTiers
{
    // Below this share of the largest, a root mean square says that a channel is not used; it must not make weights of channels that are unusably large or small.
    private const float Least = 1e-6f;

    private readonly int[] _order;
    private readonly float[] _keyFactors;
    private readonly float[] _queryFactors;
    private readonly ChannelTier[] _tiers;

    /// <summary>Sorts channels.</summary>
    /// <param name="format">The format.</param>
    /// <param name="queries">Root mean squares of queries, [headDim].</param>
    /// <param name="keys">Root mean squares of keys, [headDim].</param>
    public KeyTiers(TieredNormalFormat format, ReadOnlySpan<float> queries, ReadOnlySpan<float> keys)
    {
        float[] q = AtLeast(queries), k = AtLeast(keys);
        _order = [.. Enumerable.Range(0, q.Length).OrderByDescending(channel => q[channel] * k[channel])];
        (_keyFactors, _queryFactors, _tiers) = (new float[q.Length], new float[q.Length], new ChannelTier[format.Tiers.Count]);
        int first = 0;
        for (int tier = 0; tier < _tiers.Length; tier++)
        {
            int start = first;
            first += format.TierChannels(q.Length)[tier];
            ReadOnlySpan<int> channels = _order.AsSpan(start..first);
            double squares = 0;
            foreach (int channel in channels)
                squares += (double)q[channel] * k[channel];
            // A balanced key's mean square in a channel is sqrt(E q^2 E k^2).
            float size = channels.IsEmpty ? 1 : (float)Math.Sqrt(squares / channels.Length);
            _tiers[tier] = new ChannelTier(start..first, size);
            for (int i = 0; i < channels.Length; i++)
            {
                float balance = MathF.Sqrt(q[channels[i]] / k[channels[i]]);
                _keyFactors[start + i] = balance / size;
                _queryFactors[start + i] = size / balance;
            }
        }
    }

    /// <summary>Channels.</summary>
    public int HeadDim => _order.Length;

    /// <summary>The tiers, the one that counts most first.</summary>
    public IReadOnlyList<ChannelTier> Tiers => _tiers;

    /// <summary>Channels in the order that they are turned in, tier after tier.</summary>
    public ReadOnlySpan<int> Order => _order;

    /// <summary>What a key's elements are multiplied by, in that order.</summary>
    public ReadOnlySpan<float> KeyFactors => _keyFactors;

    /// <summary>What a query's elements are multiplied by, in that order.</summary>
    public ReadOnlySpan<float> QueryFactors => _queryFactors;

    /// <summary>Turns a key: its elements in each tier are then about as large as those of a unit normal, times a size that all tiers share.</summary>
    /// <param name="key">[headDim].</param>
    /// <param name="turned">[headDim].</param>
    public void TurnKey(ReadOnlySpan<float> key, Span<float> turned) => Turn(key, _keyFactors, turned);

    /// <summary>Turns a query.</summary>
    /// <param name="query">[headDim].</param>
    /// <param name="turned">[headDim].</param>
    public void TurnQuery(ReadOnlySpan<float> query, Span<float> turned) => Turn(query, _queryFactors, turned);

    /// <summary>Turns a key back.</summary>
    /// <param name="turned">[headDim]; it is overwritten.</param>
    /// <param name="key">[headDim].</param>
    public void TurnBack(Span<float> turned, Span<float> key)
    {
        foreach (ChannelTier tier in _tiers)
            Rotate(turned[tier.Channels]);
        // A query's factor undoes a key's.
        for (int i = 0; i < _order.Length; i++)
            key[_order[i]] = turned[i] * _queryFactors[i];
    }

    private static float[] AtLeast(ReadOnlySpan<float> sizes)
    {
        float least = Least * TensorPrimitives.Max(sizes);
        float[] above = sizes.ToArray();
        for (int i = 0; i < above.Length; i++)
            above[i] = least > 0 ? Math.Max(above[i], least) : 1;
        return above;
    }

    private void Turn(ReadOnlySpan<float> row, float[] factors, Span<float> turned)
    {
        for (int i = 0; i < _order.Length; i++)
            turned[i] = row[_order[i]] * factors[i];
        foreach (ChannelTier tier in _tiers)
            Rotate(turned[tier.Channels]);
    }

    private static void Rotate(Span<float> tier)
    {
        if (!tier.IsEmpty)
            Hadamard.Rotate(tier, tier.Length);
    }
}
