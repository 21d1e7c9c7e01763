using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TailorKV.Cuda.Driver;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Packs;

namespace TailorKV.Cuda.Cache;

/// <summary>How the channels of a layer's keys are sorted into tiers, on the card as tiers.cuh reads it: a little memory besides what plans count.</summary>
[SuppressMessage("Design", "CA1001", Justification = "A card's memory is given back when nobody knows it any more: sessions do not say when they let go of it.")]
internal sealed class Tiers
{
    private const int Run = 8, Batch = 16, MostTiers = 4, MostBits = 5;

    private readonly DeviceMemory _tables;
    private readonly Layout _layout;

    /// <summary>Works it out.</summary>
    /// <param name="format">The format.</param>
    /// <param name="tokens">The most tokens that are coded.</param>
    /// <param name="request">What the layer's cache is made for; with a calibration.</param>
    /// <exception cref="ArgumentException">There is no calibration.</exception>
    public unsafe Tiers(TieredNormalFormat format, int tokens, CacheRequest request)
    {
        LayerShape layer = request.Layer;
        KeyCalibration calibration = request.Calibration ?? throw new ArgumentException($"Codes of {format.Describe()} need a calibration of the layer's queries and keys.", nameof(request));
        KeyTiers[] heads = [.. Enumerable.Range(0, layer.KvHeads).Select(head => new KeyTiers(format, calibration.QueriesOf(head, layer.HeadDim), calibration.KeysOf(head, layer.HeadDim)))];
        int channels = layer.KvHeads * layer.HeadDim;
        int[] order = [.. heads.SelectMany(head => head.Order.ToArray())];
        IReadOnlyList<int> sizes = format.TierChannels(layer.HeadDim);
        int[] coded = [.. Enumerable.Range(0, sizes.Count).Where(tier => format.Tiers[tier] > 0 && sizes[tier] > 0)];
        // Room for four tiers a head, of which those that have bits come first.
        float[] weights = [.. heads.SelectMany(head => Enumerable.Range(0, MostTiers).Select(i => i < coded.Length ? head.Tiers[coded[i]].Size * head.Tiers[coded[i]].Size : 0))];
        float[] numbers = [.. heads.SelectMany(head => head.KeyFactors.ToArray()), .. heads.SelectMany(head => head.QueryFactors.ToArray()), .. weights, .. Enumerable.Range(1, MostBits).SelectMany(TierLevels.Of)];
        _tables = new DeviceMemory(request.Card.Context, (order.Length + numbers.Length) * sizeof(int));
        nint factors = _tables.Address + (order.Length * sizeof(int));
        using (request.Card.Use())
        {
            fixed (int* ofOrder = order)
                request.Card.Stream.CopyToDevice(_tables.Address, ofOrder, order.Length * sizeof(int));
            fixed (float* ofNumbers = numbers)
                request.Card.Stream.CopyToDevice(factors, ofNumbers, numbers.Length * sizeof(float));
        }

        _layout = new Layout { Order = _tables.Address, KeyFactors = factors, QueryFactors = factors + (channels * sizeof(float)), Weights = factors + (2 * channels * sizeof(float)), Levels = factors + (((2 * channels) + weights.Length) * sizeof(float)) };
        // Sizes of tokens come first, then the tiers.
        long place = CacheBytes.Align(tokens * (long)TieredNormalFormat.NormBytes);
        foreach (int i in coded)
        {
            int bits = format.Tiers[i], runs = (sizes[i] + Run - 1) / Run, low = bits is 3 or 5 ? bits - 1 : bits;
            long batches = ((long)tokens + Batch - 1) / Batch, upper = place + (batches * low * runs * Batch);
            _layout.All[_layout.Count++] = new Tier(place, upper, bits, sizes[i], Start(sizes, i), Runs);
            place += CacheBytes.Align(((long)tokens + CodeFormat.PackedTokens - 1) / CodeFormat.PackedTokens * CodeFormat.PackedTokens * TieredNormalFormat.TierRoom(sizes[i], bits) * bits / 8);
            _layout.Channels += sizes[i];
            Runs += runs;
        }
    }

    /// <summary>Runs of 8 channels of a key, of all tiers that have bits.</summary>
    public int Runs { get; }

    /// <summary>What kernels get.</summary>
    public Layout Place => _layout;

    private static int Start(IReadOnlyList<int> sizes, int tier) => sizes.Take(tier).Sum();

    /// <summary>Tiers of tiers.cuh.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Layout
    {
        public nint Order;
        public nint KeyFactors;
        public nint QueryFactors;
        public nint Weights;
        public nint Levels;
        public FourTiers All;
        public int Count;
        public int Channels;
    }

    /// <summary>Tier of tiers.cuh.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal readonly record struct Tier(long Low, long Upper, int Bits, int Channels, int Start, int FirstRun);

    [InlineArray(MostTiers)]
    internal struct FourTiers
    {
        private Tier _first;
    }
}
