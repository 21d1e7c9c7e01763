using FsCheck;
using FsCheck.Xunit;
using TailorKV.Runtime.Numbers;
using TailorKV.Runtime.Tests.Backends.Cpu.Cache;

namespace TailorKV.Runtime.Tests.Numbers;

public sealed class BrainFloatTests
{
    [Fact]
    public void Every_bfloat16_widens_and_narrows_back()
    {
        ushort[] all = [.. Enumerable.Range(0, 1 << 16).Select(i => (ushort)i)], back = new ushort[all.Length];
        var wide = new float[all.Length];
        BrainFloat.Widen(all, wide);
        BrainFloat.Narrow(wide, back);
        for (int i = 0; i < all.Length; i++)
        {
            Assert.Equal((uint)i << 16, BitConverter.SingleToUInt32Bits(wide[i]));
            // A quiet NaN stays as it is, a signalling one becomes quiet.
            Assert.Equal(float.IsNaN(wide[i]) ? i | 0x40 : i, back[i]);
        }
    }

    [Property(MaxTest = 300)]
    public void Singles_narrow_to_the_nearest_bfloat16(DoNotSize<int>[] bits)
    {
        float[] numbers = [.. bits.Select(one => BitConverter.Int32BitsToSingle(one.Item)), float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.MaxValue, float.Epsilon, BitConverter.UInt32BitsToSingle(0x7F800001)];
        ushort[] narrow = new ushort[numbers.Length];
        BrainFloat.Narrow(numbers, narrow);
        for (int i = 0; i < numbers.Length; i++)
        {
            float back = BrainFloat.ToSingle(narrow[i]);
            Assert.Equal(float.IsNaN(numbers[i]) ? float.NaN : PlainHead.BrainFloat(numbers[i]), back);
        }
    }
}
