using System.Runtime.Intrinsics;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Tests.Numbers;

public sealed class ExponentialTests
{
    [Fact]
    public void Exponentials_agree_with_double_precision_and_at_every_width()
    {
        for (float x = 16; x > -90; x -= 0.0037f)
        {
            float value = Exponential.Of(x);
            double expected = x < -87 ? 0 : Math.Exp(x);
            double off = 2.5e-7 + (4e-9 * Math.Abs(x));
            Assert.InRange(value, expected * (1 - off), expected * (1 + off));
            Assert.Equal(value, new Exponentials<Lanes256>().Of(new Lanes256(Vector256.Create(x))).Value[5]);
            Assert.Equal(value, new Exponentials<Lanes512>().Of(new Lanes512(Vector512.Create(x))).Value[9]);
        }

        Assert.Equal(0, Exponential.Of(float.NegativeInfinity));
        Assert.Equal(Vector256<float>.Zero, new Exponentials<Lanes256>().Of(new Lanes256(Vector256.Create(float.NegativeInfinity))).Value);
        Assert.Equal(Vector512<float>.Zero, new Exponentials<Lanes512>().Of(new Lanes512(Vector512.Create(float.NegativeInfinity))).Value);
        Assert.Equal(1, Exponential.Of(0f));
    }
}
