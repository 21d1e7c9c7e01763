using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TailorKV.Cuda.Memory;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Packs;

namespace TailorKV.Cuda.Cache;

/// <summary>Keys or values of a layer in codes of one format, as coded.cuh lays them out, and the macros by which its kernels know the format.</summary>
internal sealed class Codes
{
    private const int Batch = 16, Run = 8;

    private readonly int _kind;
    private readonly int _bits;
    private readonly int _span;
    private readonly nint _start;
    private readonly long _headBytes;
    private readonly long _upper;
    private readonly long _scales;
    private readonly int _groups;

    /// <summary>Takes the memory.</summary>
    /// <param name="format">The format.</param>
    /// <param name="tokens">The most tokens that are coded, a whole number of blocks.</param>
    /// <param name="request">What the layer's cache is made for, and of.</param>
    /// <exception cref="ArgumentException">Keys in tiers have no calibration.</exception>
    /// <exception cref="TailorKV.Planner.TailorKVException">There are no kernels for the format.</exception>
    public Codes(CodeFormat format, int tokens, CacheRequest request)
    {
        int headDim = request.Layer.HeadDim;
        _headBytes = format.Bytes(tokens, headDim);
        _start = request.Device.TakeBytes(request.Layer.KvHeads * _headBytes);
        if (format is TieredNormalFormat tiered)
        {
            (_kind, Tiers) = (4, new Tiers(tiered, tokens, request));
            return;
        }

        (_kind, _bits, _span, Turned) = format switch
        {
            RotatedNormalFormat normal => (0, normal.Bits, headDim, true),
            PerTokenFormat affine => (1, affine.Bits, affine.Group, false),
            RotatedAffineFormat affine => (1, affine.Bits, affine.Group, true),
            PerBlockFormat symmetric => (2, symmetric.Bits, PerBlockFormat.BlockChannels, false),
            RotatedBlockFormat symmetric => (2, symmetric.Bits, PerBlockFormat.BlockChannels, true),
            PerChannelFormat channel => (3, channel.Bits, channel.Group, false),
            _ => throw Lacks.Format(format),
        };
        int low = _bits == 3 ? 2 : _bits;
        _upper = ((long)tokens + Batch - 1) / Batch * Batch * ((headDim + Run - 1) / Run) * low;
        _scales = CacheBytes.Align(CodeFormat.PackedBytes(tokens, headDim, _bits));
        _groups = _kind == 3 ? tokens / _span : 0;
    }

    /// <summary>Whether what is coded is turned before.</summary>
    public bool Turned { get; }

    /// <summary>The tiers of keys that are coded so; else null.</summary>
    public Tiers? Tiers { get; }

    /// <summary>What kernels get.</summary>
    public Rows Place => new(_start, _start + (nint)_upper, _start + (nint)_scales, _headBytes, _groups);

    /// <summary>The levels of a unit normal; of other kinds none are needed.</summary>
    public LevelTable Levels
    {
        get
        {
            LevelTable table = default;
            if (_kind == 0)
                NormalLevels.Of(_bits).CopyTo(table);
            return table;
        }
    }

    /// <summary>The macros.</summary>
    /// <param name="what">KEY or VALUE.</param>
    public (string, string)[] Macros(string what) => Tiers is { } tiers
        ? [($"{what}_KIND", Text(_kind)), ($"{what}_RUNS", Text(tiers.Runs)), ($"{what}_TURNED", "0")]
        : [($"{what}_KIND", Text(_kind)), ($"{what}_BITS", Text(_bits)), ($"{what}_SPAN", Text(_span)), ($"{what}_TURNED", Turned ? "1" : "0")];

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);

    /// <summary>CodedRows of coded.cuh.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal readonly record struct Rows(nint Low, nint Upper, nint Scales, long HeadStride, int Groups);

    /// <summary>Levels of coded.cuh.</summary>
    [InlineArray(16)]
    internal struct LevelTable
    {
        private float _first;
    }
}
