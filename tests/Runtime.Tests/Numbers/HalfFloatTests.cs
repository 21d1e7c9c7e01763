using FsCheck.Xunit;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Tests.Numbers;

public sealed class HalfFloatTests
{
    [Theory]
    [InlineData(1f)]
    [InlineData(0.0173f)]
    public void Every_half_widens(float factor)
    {
        Half[] all = [.. Enumerable.Range(0, 1 << 16).Select(i => BitConverter.UInt16BitsToHalf((ushort)i))], finite = [.. all.Where(Half.IsFinite)];
        foreach (Half[] source in new[] { all, finite, finite[1..14], finite[70..130], [] })
        {
            var wide = new float[source.Length + 1];
            float[] expected = [.. source.Select(x => (float)x * factor)];
            Assert.Equal(expected.Aggregate(0f, (largest, product) => MathF.Max(largest, MathF.Abs(product))), HalfFloat.LargestMagnitude(source) * factor);
            HalfFloat.Widen(source, factor, wide);
            Assert.Equal(expected, wide[..^1]);
            Assert.Equal(expected.Select(float.IsNegative), wide[..^1].Select(float.IsNegative));
            float[] others = [.. source.Select((_, i) => i - 20.5f)];
            HalfFloat.AddScaled(source, others, factor, wide);
            Assert.Equal(source.Select((x, i) => MathF.FusedMultiplyAdd(others[i], factor, (float)x)), wide[..^1]);
        }
    }
}
