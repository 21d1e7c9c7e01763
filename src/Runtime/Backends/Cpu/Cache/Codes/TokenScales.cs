using TailorKV.Runtime.Backends.Cpu.Cache.Packs;
using TailorKV.Runtime.Backends.Cpu.Kernels;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Codes;

/// <summary>
/// What codes of a token stand for: scale * level + zero, with a scale and perhaps a zero for each token and group of channels. Products are made with levels alone; scales and
/// zeros join them a token at a time.
/// </summary>
internal abstract class TokenScales
{
    private readonly int _tokens;
    private readonly float _factor;
    private readonly NativeBuffer<Half> _halves;
    private bool _finite = true;

    /// <summary>Takes the memory of scales, [groups, tokens], and of as many zeros after them, if there are any.</summary>
    /// <param name="arena">Where it comes from.</param>
    /// <param name="tokens">Tokens.</param>
    /// <param name="headDim">Channels.</param>
    /// <param name="group">Channels that share a scale: a multiple of 32, or all.</param>
    /// <param name="levels">What codes stand for before they are scaled.</param>
    /// <param name="hasZeros">Whether there are zeros: what code 0 stands for.</param>
    /// <param name="factor">A scale is what is stored times this.</param>
    protected TokenScales(Arena arena, int tokens, int headDim, int group, CodeLevels levels, bool hasZeros, float factor)
    {
        (HeadDim, Group, Groups, Levels) = (headDim, group, (headDim + group - 1) / group, levels);
        (_tokens, HasZeros, _factor) = (tokens, hasZeros, factor);
        _halves = arena.Take<Half>((long)tokens * Groups * (hasZeros ? 2 : 1));
    }

    /// <summary>What codes stand for before they are scaled.</summary>
    public CodeLevels Levels { get; }

    /// <summary>Channels.</summary>
    public int HeadDim { get; }

    /// <summary>Groups of channels.</summary>
    public int Groups { get; }

    /// <summary>Whether there are zeros.</summary>
    public bool HasZeros { get; }

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

    /// <summary>Scales and zeros of tokens as they are stored. Those of as many tokens after them are asked for: they are read next.</summary>
    /// <param name="firstToken">The first.</param>
    /// <param name="count">Tokens.</param>
    /// <param name="group">The group of channels.</param>
    public StoredScales Of(int firstToken, int count, int group) =>
        new(SliceAndPrefetch(firstToken, count, group), _factor, HasZeros ? SliceAndPrefetch(firstToken, count, Groups + group) : [], HasZeros ? -Levels.Lowest : 0, _finite);

    /// <summary>Codes tokens, and keeps their scales.</summary>
    /// <param name="codes">Where their codes go.</param>
    /// <param name="firstToken">The first.</param>
    /// <param name="rows">[tokens, headDim].</param>
    public void Encode(PackedCodes codes, int firstToken, ReadOnlySpan<float> rows)
    {
        using Scratch<byte> room = new(stackalloc byte[Scratch<byte>.Little], HeadDim);
        Span<byte> ofToken = room.Span;
        _finite |= firstToken == 0;
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
        zero.Clear();
        for (int group = 0; group < Groups; group++)
        {
            Range channels = Channels(group);
            StoredScales stored = Of(token, 1, group);
            stored.ReadScales(scale);
            if (HasZeros)
                stored.ReadZeros(scale, zero);
            for (int i = channels.Start.Value; i < channels.End.Value; i++)
                row[i] = (scale[0] * Levels.Of(codes.Read(token, i))) + zero[0];
        }
    }

    /// <summary>Keeps a token's scale of a group of channels.</summary>
    protected void Keep(int token, int group, Half scale)
    {
        _halves[((long)group * _tokens) + token] = scale;
        _finite &= Half.IsFinite(scale);
    }

    /// <summary>Keeps a token's scale of a group of channels, and what code 0 stands for.</summary>
    protected void Keep(int token, int group, Half scale, Half zero)
    {
        Keep(token, group, scale);
        Keep(token, Groups + group, zero);
    }

    private ReadOnlySpan<Half> SliceAndPrefetch(int firstToken, int count, int row)
    {
        ReadOnlySpan<Half> some = _halves.Slice(((long)row * _tokens) + firstToken, count);
        Prefetch.Following(some);
        return some;
    }
}
