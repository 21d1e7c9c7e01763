using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends.Cpu.Kernels;
using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Packs;

/// <summary>
/// The codes of one KV head's keys or values, in packs of <see cref="CodeFormat.PackedTokens"/> tokens. Keys are summed over channels: their lanes are tokens. Values are
/// summed over tokens: their lanes are channels.
/// </summary>
internal sealed unsafe class PackedCodes
{
    /// <summary>Tokens of a pack.</summary>
    public const int Tokens = CodeFormat.PackedTokens;

    private readonly bool _tokensAreLanes;
    private readonly PackShape _shape;
    private readonly NativeBuffer<byte> _bytes;

    private PackedCodes(Arena arena, int tokens, int channels, int bits, int numberBytes, bool tokensAreLanes)
    {
        (Channels, _tokensAreLanes) = (channels, tokensAreLanes);
        _shape = tokensAreLanes ? new PackShape(bits, numberBytes, Channels, Tokens) : new PackShape(bits, numberBytes, Tokens, Channels);
        _bytes = arena.Take<byte>((long)(tokens + Tokens - 1) / Tokens * _shape.Bytes);
    }

    /// <summary>Channels that a token has room for.</summary>
    public int Channels { get; }

    /// <summary>Takes the memory of keys' codes.</summary>
    public static PackedCodes OfKeys(Arena arena, int tokens, int headDim, PackKernel kernel) =>
        new(arena, tokens, CodeFormat.PackedChannels(headDim, kernel.Levels.Bits), kernel.Levels.Bits, kernel.NumberBytes, tokensAreLanes: true);

    /// <summary>Takes the memory of the codes of some channels of keys, whose lanes are tokens, or of values.</summary>
    public static PackedCodes OfTier(Arena arena, int tokens, int channels, PackKernel kernel, bool tokensAreLanes) =>
        new(arena, tokens, TieredFormat.TierRoom(channels, kernel.Levels.Bits), kernel.Levels.Bits, kernel.NumberBytes, tokensAreLanes);

    /// <summary>Takes the memory of values' codes.</summary>
    public static PackedCodes OfValues(Arena arena, int tokens, int headDim, PackKernel kernel) =>
        new(arena, tokens, CodeFormat.PackedChannels(headDim, kernel.Levels.Bits), kernel.Levels.Bits, kernel.NumberBytes, tokensAreLanes: false);

    /// <summary>Writes a token's codes, one a byte.</summary>
    public void Write(int token, ReadOnlySpan<byte> codes)
    {
        if (_tokensAreLanes)
            _shape.PutLane(Pack(token), token % Tokens, codes);
        else
            _shape.PutDepth(Pack(token), token % Tokens, codes);
    }

    /// <summary>One code.</summary>
    public int Read(int token, int channel)
    {
        (int lane, int depth) = Place(token, channel);
        return _shape.Get(Pack(token), lane, depth);
    }

    /// <summary>What a kernel goes through for the dots of all keys of packs.</summary>
    /// <param name="first">The first token, of a pack.</param>
    /// <param name="packs">Packs.</param>
    /// <param name="channels">The channels that take part; they begin at a multiple of 32.</param>
    /// <param name="group">Channels that share a scale: a multiple of 32, or all.</param>
    public PackRange Keys(int first, int packs, Range channels, int group)
    {
        int room = Room(channels), groupDepth = group < channels.End.Value - channels.Start.Value ? group : room;
        return new((nint)Pack(first), _shape, channels.Start.Value, room, groupDepth, Sums: 1, Repeats: packs, Tokens, (nint)Pack(first) + Prefetch.FarAhead);
    }

    /// <summary>What a kernel goes through for the dots of all keys of packs in channels that share a scale.</summary>
    /// <param name="first">The first token, of a pack.</param>
    /// <param name="packs">Packs.</param>
    /// <param name="channel">The first channel: a multiple of 32.</param>
    /// <param name="channels">Channels: as many as whole words have.</param>
    public PackRange Keys(int first, int packs, int channel, int channels) =>
        new((nint)Pack(first), _shape, channel, channels, channels, Sums: 1, Repeats: packs, Tokens, (nint)Pack(first) + Prefetch.FarAhead);

    /// <summary>What a kernel goes through for the sums of all values of packs.</summary>
    /// <param name="first">The first token, of a pack.</param>
    /// <param name="packs">Packs.</param>
    /// <param name="channels">The channels that are summed; they begin at a multiple of 32.</param>
    public PackRange Values(int first, int packs, Range channels) =>
        new((nint)Pack(first) + (channels.Start.Value * _shape.WordBytes), _shape, 0, Tokens, Tokens, Sums: packs, Repeats: 1, Room(channels), Next(first, packs, channels));

    // Some channels at a time are summed: each time a part of the packs that follow is asked for.
    private nint Next(int first, int packs, Range channels) => (nint)Pack(first) + (packs * _shape.Bytes) + ((nint)channels.Start.Value * packs * _shape.Bytes / Channels);

    // The room that the last channels leave goes with them.
    private int Room(Range channels) => Math.Min(Channels, CodeFormat.PackedChannels(channels.End.Value, _shape.Bits)) - channels.Start.Value;

    private (int Lane, int Depth) Place(int token, int channel) => _tokensAreLanes ? (token % Tokens, channel) : (channel, token % Tokens);

    private byte* Pack(int token)
    {
        fixed (byte* pack = _bytes.Slice((long)(token / Tokens) * _shape.Bytes, _shape.Bytes))
            return pack;
    }
}
