using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TailorKV.Runtime.Backends.Cpu.Kernels;

namespace TailorKV.Runtime.Backends.Cpu.Products.Interleaved;

/// <summary>
/// An input in integers of 16 bits, so that it meets codes in integer arithmetic, which makes twice as many products at once as f32 does and needs no codes converted. Each
/// 32 numbers are rounded by themselves, as <see cref="RoundedFactors"/> does it.
/// </summary>
internal readonly unsafe struct RoundedInput
{
    /// <summary>Numbers that share a step.</summary>
    public const int Group = 32;

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
        {
            float* from = input + (group * Group);
            steps[group] = RoundedFactors.Round(new ReadOnlySpan<float>(from, Group), [], new Span<short>(rounded.Numbers + (group * Group), Group), out _);
            sums[group] = Vector256.Sum(Vector256.Load(from) + Vector256.Load(from + 8) + Vector256.Load(from + 16) + Vector256.Load(from + 24));
        }

        return rounded;
    }

    /// <summary>The same from a number on that begins a group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public RoundedInput From(nint number) => new(Numbers + number, Steps + ((nuint)number / Group), Sums + ((nuint)number / Group));
}
