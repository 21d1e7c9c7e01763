using FsCheck.Xunit;
using TailorKV.Runtime.Architectures;
using TailorKV.Runtime.Backends.Cpu;

namespace TailorKV.Runtime.Tests.Backends.Cpu;

public sealed unsafe class GatedUnitTests
{
    [Property(MaxTest = 200)]
    public void Equals_the_plain_formula(bool gelu, Few rows, Many width, Pick size, RandomData data)
    {
        float[] gates = [.. data.Row(rows * width, 1).Select(x => x * size.Of(1f, 10, 1000))], ups = data.Row(rows * width, 2), outputs = [.. ups], used = [.. gates];
        fixed (float* gate = used, up = outputs)
        {
            GatedUnit unit = new(gelu ? Activation.GeluTanh : Activation.Silu, gate, up, rows, width);
            for (int part = 0; part < unit.Parts; part++)
                unit.Run(part);
        }

        for (int i = 0; i < outputs.Length; i++)
        {
            double expected = ups[i] * (gelu ? Gelu(gates[i]) : Silu(gates[i])), tolerance = 1e-6 * (Math.Abs((double)ups[i] * gates[i]) + 1e-3);
            Assert.InRange(outputs[i], expected - tolerance, expected + tolerance);
        }
    }

    private static double Silu(double x) => x / (1 + Math.Exp(-x));

    private static double Gelu(double x) => x / 2 * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x))));
}
