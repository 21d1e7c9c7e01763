using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Tests.Numbers;

/// <summary>Every number of 16 bits, read at every width.</summary>
public sealed unsafe class ElementTests
{
    [Fact]
    public void Halves_are_read_exactly()
    {
        float[] expected = [.. Enumerable.Range(0, 1 << 16).Select(bits => (float)BitConverter.UInt16BitsToHalf((ushort)bits))];
        IsReadExactly<HalfFloat>(expected);
        if (Lanes512.IsSupported)
            FiniteHalvesAreScaled<Lanes512>(expected);
        FiniteHalvesAreScaled<Lanes256>(expected);
    }

    [Fact]
    public void Bfloat16_is_read_exactly() =>
        IsReadExactly<BrainFloat>([.. Enumerable.Range(0, 1 << 16).Select(bits => BitConverter.UInt32BitsToSingle((uint)bits << 16))]);

    private static void IsReadExactly<TElement>(float[] expected)
        where TElement : struct, IElement
    {
        ushort[] stored = AllOf16Bits();
        float[] read = new float[stored.Length];
        fixed (ushort* from = stored)
        {
            for (int i = 0; i < read.Length; i++)
                read[i] = TElement.Read((byte*)from, i);
            AreSame(expected, read);
            fixed (float* to = read)
                Elements.Read<TElement>((byte*)from, to, read.Length);
            AreSame(expected, read);
            if (Lanes512.IsSupported)
                IsReadExactly<TElement, Lanes512>((byte*)from, expected);
            if (Lanes256.IsSupported)
                IsReadExactly<TElement, Lanes256>((byte*)from, expected);
        }
    }

    private static void IsReadExactly<TElement, TLanes>(byte* from, float[] expected)
        where TElement : struct, IElement
        where TLanes : struct, ILanes<TLanes>
    {
        float[] read = new float[expected.Length], paired = new float[expected.Length];
        fixed (float* one = read, two = paired)
        {
            for (int i = 0; i < read.Length; i += TLanes.Count)
                TElement.Read<TLanes>(from, i).Store(one + i);
            for (int i = 0; i < read.Length; i += 2 * TLanes.Count)
            {
                TElement.ReadPair(from, i, out TLanes first, out TLanes second);
                TElement.InOrder(ref first, ref second);
                first.Store(two + i);
                second.Store(two + i + TLanes.Count);
            }
        }

        AreSame(expected, read);
        AreSame(expected, paired);
    }

    private static void FiniteHalvesAreScaled<TLanes>(float[] expected)
        where TLanes : struct, ILanes<TLanes>
    {
        const float factor = 0.0173f;
        float[] read = new float[expected.Length];
        fixed (ushort* from = AllOf16Bits())
        fixed (float* to = read)
        {
            for (int i = 0; i < read.Length; i += TLanes.Count)
                HalfFloat.ReadFinite((byte*)from, i, TLanes.Broadcast(factor)).Store(to + i);
        }

        for (int i = 0; i < read.Length; i++)
        {
            if (float.IsFinite(expected[i]))
                Assert.Equal(BitConverter.SingleToInt32Bits(expected[i] * factor), BitConverter.SingleToInt32Bits(read[i]));
        }
    }

    private static ushort[] AllOf16Bits() => [.. Enumerable.Range(0, 1 << 16).Select(bits => (ushort)bits)];

    // To the bit, but that what is no number may be quiet or not.
    private static void AreSame(float[] expected, float[] actual)
    {
        for (int i = 0; i < expected.Length; i++)
            Assert.True(float.IsNaN(expected[i]) ? float.IsNaN(actual[i]) : BitConverter.SingleToInt32Bits(expected[i]) == BitConverter.SingleToInt32Bits(actual[i]), $"{i:X4}: {expected[i]}, {actual[i]}");
    }
}
