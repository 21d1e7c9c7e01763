using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Numbers;

/// <summary>Keeps numbers within bounds: x becomes cap * tanh(x / cap) (Gemma 2, arXiv 2408.00118).</summary>
internal static class SoftCap
{
    /// <summary>Caps numbers in place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Apply(Span<float> numbers, float cap)
    {
        // Of e = exp(-2 |x| / cap), which is never too large, tanh is (1 - e) / (1 + e) with x's sign.
        float perCap = -2 / cap;
        Exponentials<Lanes256> exponentials = new();
        int i = 0;
        for (; i <= numbers.Length - Vector256<float>.Count; i += Vector256<float>.Count)
        {
            Vector256<float> x = Vector256.Create<float>(numbers[i..]), exponential = exponentials.Of(new Lanes256(Vector256.Abs(x) * perCap)).Value;
            Vector256<float> capped = (Vector256<float>.One - exponential) / (Vector256<float>.One + exponential) * cap;
            Vector256.CopySign(capped, x).CopyTo(numbers[i..]);
        }

        for (; i < numbers.Length; i++)
        {
            float exponential = Exponential.Of(MathF.Abs(numbers[i]) * perCap);
            numbers[i] = MathF.CopySign((1 - exponential) / (1 + exponential) * cap, numbers[i]);
        }
    }
}
