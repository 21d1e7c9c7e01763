using System.Runtime.CompilerServices;
using TailorKV.Runtime.Backends.Cpu.Kernels;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Exact;

/// <summary>
/// The dots of two vectors of tokens at a time, or four, for as many queries at once as there are registers for: an element of a key is read and widened once for all of them. Tiles are read
/// from end to end, for the processor asks by itself for what follows, and does so better than it can be asked.
/// </summary>
internal sealed unsafe class VectorTileKernel<TElement, TLanes> : PlainTileKernel<TElement>
    where TElement : struct, ITileElement
    where TLanes : struct, ILanes<TLanes>
{
    public override void Dots(byte* tiles, int count, int channels, float* queries, int n, float* dots, nint stride) =>
        ICount.ForAll(n, TLanes.Queries, new Work(tiles, count, channels, queries, dots, stride));

    private static void Run<TQueries>(byte* tiles, int count, int channels, float* queries, float* dots, nint stride)
        where TQueries : struct, ICount
    {
        // What reads a query's element is shared by as many vectors of tokens as there are registers for. The tiles of a pair are half of all apart, so that each half is read from end to end.
        int pairs = TLanes.Count == Half ? count / 2 : 0;
        Run<TQueries, ICount.Two>(tiles, pairs, channels, queries, dots, stride);
        Run<TQueries, ICount.One>(tiles + ((nint)pairs * 2 * TileBytes(channels)), count - (2 * pairs), channels, queries, dots + (pairs * 2 * Tokens), stride);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run<TQueries, TTiles>(byte* tiles, int times, nint channels, float* queries, float* dots, nint stride)
        where TQueries : struct, ICount
        where TTiles : struct, ICount
    {
        float* query1 = queries + channels, query2 = queries + (2 * channels), query3 = queries + (3 * channels);
        nint tileBytes = TileBytes(channels), apartBytes = times * tileBytes, apartTokens = times * Tokens;
        for (; times > 0; times--, tiles += tileBytes, dots += Tokens)
        {
            for (nint token = 0; token < Half; token += TLanes.Count)
            {
                TLanes s00 = default, s01 = default, s02 = default, s03 = default, s10 = default, s11 = default, s12 = default, s13 = default;
                TLanes s20 = default, s21 = default, s22 = default, s23 = default, s30 = default, s31 = default, s32 = default, s33 = default;
                byte* at = tiles;
                for (nint channel = 0; channel < channels; channel++, at += Tokens * TElement.Bytes)
                {
                    TElement.Read(at, token, out TLanes first, out TLanes second);
                    TLanes third = first, fourth = first;
                    if (TTiles.Value > 1)
                        TElement.Read(at + apartBytes, token, out third, out fourth);

                    TLanes element = TLanes.Broadcast(queries[channel]);
                    Multiply<TTiles>(element, first, second, third, fourth, ref s00, ref s10, ref s20, ref s30);
                    if (TQueries.Value > 1)
                    {
                        element = TLanes.Broadcast(query1[channel]);
                        Multiply<TTiles>(element, first, second, third, fourth, ref s01, ref s11, ref s21, ref s31);
                    }

                    if (TQueries.Value > 2)
                    {
                        element = TLanes.Broadcast(query2[channel]);
                        Multiply<TTiles>(element, first, second, third, fourth, ref s02, ref s12, ref s22, ref s32);
                    }

                    if (TQueries.Value > 3)
                    {
                        element = TLanes.Broadcast(query3[channel]);
                        Multiply<TTiles>(element, first, second, third, fourth, ref s03, ref s13, ref s23, ref s33);
                    }
                }

                float* dot = dots + token;
                Store<TTiles>(dot, apartTokens, s00, s10, s20, s30);
                if (TQueries.Value > 1)
                    Store<TTiles>(dot + stride, apartTokens, s01, s11, s21, s31);
                if (TQueries.Value > 2)
                    Store<TTiles>(dot + (2 * stride), apartTokens, s02, s12, s22, s32);
                if (TQueries.Value > 3)
                    Store<TTiles>(dot + (3 * stride), apartTokens, s03, s13, s23, s33);
            }
        }
    }

    private static nint TileBytes(nint channels) => channels * Tokens * TElement.Bytes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Multiply<TTiles>(
        TLanes element, TLanes first, TLanes second, TLanes third, TLanes fourth, ref TLanes firstSum, ref TLanes secondSum, ref TLanes thirdSum, ref TLanes fourthSum)
        where TTiles : struct, ICount
    {
        firstSum = TLanes.MultiplyAdd(first, element, firstSum);
        secondSum = TLanes.MultiplyAdd(second, element, secondSum);
        if (TTiles.Value > 1)
        {
            thirdSum = TLanes.MultiplyAdd(third, element, thirdSum);
            fourthSum = TLanes.MultiplyAdd(fourth, element, fourthSum);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TTiles>(float* dots, nint apart, TLanes first, TLanes second, TLanes third, TLanes fourth)
        where TTiles : struct, ICount
    {
        first.Store(dots);
        second.Store(dots + Half);
        if (TTiles.Value > 1)
        {
            third.Store(dots + apart);
            fourth.Store(dots + apart + Half);
        }
    }

    private readonly struct Work(byte* tiles, int count, int channels, float* queries, float* dots, nint stride) : ICountedWork
    {
        public void Run<TQueries>(int first)
            where TQueries : struct, ICount => VectorTileKernel<TElement, TLanes>.Run<TQueries>(tiles, count, channels, queries + ((nint)first * channels), dots + (first * stride), stride);
    }
}
