using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>
/// An input in integers of 16 bits, so that it meets codes in integer arithmetic, which makes twice as many products at once as f32 does and needs no codes converted. Each
/// 32 numbers count in steps of their own, a 32,767th of their largest magnitude: a number is off by half a step at the most.
/// </summary>
internal readonly unsafe struct RoundedInput
{
    /// <summary>Numbers that share a step.</summary>
    public const int Group = 32;

    // Below it the number of steps in one might not be finite; such numbers are nothing beside any other.
    private const float Least = 1e-30f;

    private RoundedInput(short* numbers, float* steps, float* sums)
    {
        Numbers = numbers;
        Steps = steps;
        Sums = sums;
    }

    /// <summary>The numbers, in steps.</summary>
    public short* Numbers { get; }

    /// <summary>The step of each 32 numbers; no finite number where one of them is none.</summary>
    public float* Steps { get; }

    /// <summary>The sum of each 32 numbers, as they were.</summary>
    public float* Sums { get; }

    /// <summary>Bytes of room that so many numbers take.</summary>
    public static int Room(int count) => (count * sizeof(short)) + (count / Group * 2 * sizeof(float));

    /// <summary>Rounds numbers.</summary>
    /// <param name="input">The numbers.</param>
    /// <param name="count">How many: whole groups.</param>
    /// <param name="room">Room for what <see cref="Room"/> says.</param>
    public static RoundedInput Of(float* input, int count, byte* room)
    {
        float* steps = (float*)room, sums = steps + (count / Group);
        RoundedInput rounded = new((short*)(sums + (count / Group)), steps, sums);
        for (int group = 0; group < count / Group; group++)
            (steps[group], sums[group]) = Round(input + (group * Group), rounded.Numbers + (group * Group));
        return rounded;
    }

    /// <summary>The same from a number on that begins a group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public RoundedInput From(nint number) => new(Numbers + number, Steps + ((nuint)number / Group), Sums + ((nuint)number / Group));

    private static (float Step, float Sum) Round(float* input, short* rounded)
    {
        Vector256<float> a = Vector256.Load(input), b = Vector256.Load(input + 8), c = Vector256.Load(input + 16), d = Vector256.Load(input + 24);
        Vector256<int> magnitude = Vector256.Create(int.MaxValue);
        // Magnitudes order as the integers of their bits do, and what is no number lies above all.
        Vector256<int> eight = Vector256.Max(
            Vector256.Max(a.AsInt32() & magnitude, b.AsInt32() & magnitude), Vector256.Max(c.AsInt32() & magnitude, d.AsInt32() & magnitude));
        Vector128<int> four = Vector128.Max(eight.GetLower(), eight.GetUpper());
        float largest = BitConverter.Int32BitsToSingle(Math.Max(Math.Max(four[0], four[1]), Math.Max(four[2], four[3])));
        float steps = largest > Least && float.IsFinite(largest) ? short.MaxValue / largest : 0;
        Vector256.Narrow(ToInt32(a * steps), ToInt32(b * steps)).Store(rounded);
        Vector256.Narrow(ToInt32(c * steps), ToInt32(d * steps)).Store(rounded + 16);
        return (largest / short.MaxValue, Vector256.Sum(a + b + c + d));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> ToInt32(Vector256<float> numbers) => Vector256.ConvertToInt32Native(Vector256.Round(numbers));
}
