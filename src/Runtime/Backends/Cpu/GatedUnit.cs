using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TailorKV.Runtime.Architectures;
using TailorKV.Runtime.Backends.Cpu.Threads;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu;

/// <summary>activation(gate) * up, in up's place, some rows at a time. The gate is used up: a third buffer is not needed.</summary>
/// <param name="activation">What the gate goes through.</param>
/// <param name="gate">[count, width].</param>
/// <param name="up">[count, width].</param>
/// <param name="count">Rows.</param>
/// <param name="width">Elements of a row.</param>
internal readonly unsafe struct GatedUnit(Activation activation, float* gate, float* up, int count, int width) : IWork
{
    private readonly Activation _activation = activation;
    private readonly float* _gate = gate;
    private readonly float* _up = up;
    private readonly int _count = count;
    private readonly int _width = width;

    /// <summary>How many parts there are.</summary>
    public int Parts => RowParts.Of(_count);

    /// <inheritdoc/>
    public void Run(int part)
    {
        int end = RowParts.End(part, _count);
        for (nint row = RowParts.Start(part); row < end; row++)
        {
            Span<float> gates = new(_gate + (row * _width), _width), ups = new(_up + (row * _width), _width);
            TensorPrimitives.Multiply(ups, gates, ups);
            // Either activation is the gate times a sigmoid, of itself or of what approximates GELU.
            if (_activation == Activation.GeluTanh)
                Bend(gates);
            Sigmoid(gates);
            TensorPrimitives.Multiply(ups, gates, ups);
        }
    }

    /// <summary>sqrt(8 / pi) * (x + 0.044715 x^3) in place, since (1 + tanh(u)) / 2 is the sigmoid of 2u.</summary>
    private static void Bend(Span<float> numbers)
    {
        const float Root = 1.5957691f, Cubic = 0.044715f * Root;
        int i = 0;
        for (; i <= numbers.Length - Vector256<float>.Count; i += Vector256<float>.Count)
        {
            Vector256<float> x = Vector256.Create<float>(numbers[i..]);
            (x * ((x * x * Cubic) + Vector256.Create(Root))).CopyTo(numbers[i..]);
        }

        for (; i < numbers.Length; i++)
            numbers[i] *= (numbers[i] * numbers[i] * Cubic) + Root;
    }

    /// <summary>1 / (1 + exp(-x)) in place: of e = exp(-|x|), which is never too large, 1 / (1 + e) or e / (1 + e).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sigmoid(Span<float> numbers)
    {
        Exponentials<Lanes256> exponentials = new();
        int i = 0;
        for (; i <= numbers.Length - Vector256<float>.Count; i += Vector256<float>.Count)
        {
            Vector256<float> x = Vector256.Create<float>(numbers[i..]), exponential = exponentials.Of(new Lanes256(-Vector256.Abs(x))).Value;
            Vector256<float> above = Vector256.ConditionalSelect(Vector256.LessThan(x, Vector256<float>.Zero), exponential, Vector256<float>.One);
            (above / (Vector256<float>.One + exponential)).CopyTo(numbers[i..]);
        }

        for (; i < numbers.Length; i++)
        {
            float exponential = Exponential.Of(-MathF.Abs(numbers[i]));
            numbers[i] = (numbers[i] < 0 ? exponential : 1) / (1 + exponential);
        }
    }
}
