using TailorKV.Planner.Policies;
using TailorKV.Runtime.Cache.Kernels;
using TailorKV.Runtime.Cache.Packs;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Cache.Codes;

/// <summary>
/// What codes of a token stand for: scale * level + zero, with a scale and perhaps a zero for each token and group of channels. Products are made with levels alone; scales and
/// zeros join them a token at a time.
/// </summary>
internal abstract class TokenScales
{
    /// <summary>Scales for groups of channels.</summary>
    /// <param name="headDim">Channels.</param>
    /// <param name="group">Channels that share a scale: a multiple of 32, or all.</param>
    /// <param name="levels">What codes stand for before they are scaled.</param>
    protected TokenScales(int headDim, int group, CodeLevels levels) =>
        (HeadDim, Group, Groups, Levels) = (headDim, group, (headDim + group - 1) / group, levels);

    /// <summary>What codes stand for before they are scaled.</summary>
    public CodeLevels Levels { get; }

    /// <summary>Channels.</summary>
    public int HeadDim { get; }

    /// <summary>Groups of channels.</summary>
    public int Groups { get; }

    /// <summary>Whether there are zeros.</summary>
    public virtual bool HasZeros => false;

    /// <summary>Channels that share a scale.</summary>
    public int Group { get; }

    /// <summary>The channels of a group.</summary>
    public Range Channels(int group) => (group * Group)..Math.Min((group + 1) * Group, HeadDim);

    /// <summary>Codes a group of channels of a token, and keeps its scale.</summary>
    /// <param name="token">The token.</param>
    /// <param name="group">The group.</param>
    /// <param name="values">Its elements.</param>
    /// <param name="codes">One code a byte.</param>
    public abstract void Encode(int token, int group, ReadOnlySpan<float> values, Span<byte> codes);

    /// <summary>Scales of as many tokens as there is room for.</summary>
    /// <param name="firstToken">The first.</param>
    /// <param name="group">The group.</param>
    /// <param name="scales">Their scales.</param>
    /// <returns>The largest magnitude of them.</returns>
    public abstract float Read(int firstToken, int group, Span<float> scales);

    /// <summary>Zeros, where there are any, of as many tokens as there are scales.</summary>
    /// <param name="firstToken">The first.</param>
    /// <param name="group">The group.</param>
    /// <param name="scales">Their scales.</param>
    /// <param name="zeros">Their zeros.</param>
    public virtual void ReadZeros(int firstToken, int group, ReadOnlySpan<float> scales, Span<float> zeros)
    {
    }

    /// <summary>Codes tokens, and keeps their scales.</summary>
    /// <param name="codes">Where their codes go.</param>
    /// <param name="firstToken">The first.</param>
    /// <param name="rows">[tokens, headDim].</param>
    public void Encode(PackedCodes codes, int firstToken, ReadOnlySpan<float> rows)
    {
        Span<byte> ofToken = stackalloc byte[HeadDim];
        for (int token = firstToken; !rows.IsEmpty; token++, rows = rows[HeadDim..])
        {
            for (int group = 0; group < Groups; group++)
                Encode(token, group, rows[Channels(group)], ofToken[Channels(group)]);
            codes.Write(token, ofToken);
        }
    }

    /// <summary>Decodes a row: the plain twin of what is multiplied with.</summary>
    /// <param name="codes">Its codes.</param>
    /// <param name="token">The token.</param>
    /// <param name="row">[headDim].</param>
    public void Decode(PackedCodes codes, int token, Span<float> row)
    {
        Span<float> scale = stackalloc float[1], zero = stackalloc float[1];
        for (int group = 0; group < Groups; group++)
        {
            Range channels = Channels(group);
            Read(token, group, scale);
            zero.Clear();
            ReadZeros(token, group, scale, zero);
            for (int i = channels.Start.Value; i < channels.End.Value; i++)
                row[i] = (scale[0] * Levels.Of(codes.Read(token, i))) + zero[0];
        }
    }

    /// <summary>Widens as many halves as there is room for, and asks for as many after them: the tokens that follow are read next.</summary>
    /// <returns>The largest magnitude of the numbers.</returns>
    private protected static unsafe float Widen(NativeBuffer<Half> halves, int first, Span<float> numbers, float factor = 1)
    {
        ReadOnlySpan<Half> source = halves.Slice(first, numbers.Length);
        float largest = HalfFloat.Widen(source, factor, numbers);
        fixed (Half* start = source)
        {
            for (nint next = numbers.Length * sizeof(Half); next < 2 * numbers.Length * sizeof(Half); next += CacheBytes.Alignment)
                Prefetch.Lines((byte*)start + next, CacheBytes.Alignment);
        }

        return largest;
    }
}
