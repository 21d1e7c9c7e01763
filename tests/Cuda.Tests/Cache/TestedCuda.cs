using TailorKV.Cuda.Cache;
using TailorKV.Planner.Models;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Tests.Backends.Cpu.Cache;

namespace TailorKV.Cuda.Tests.Cache;

/// <summary>The kernels on the emulated card.</summary>
internal sealed class TestedCuda : TestedBackend
{
    public static TestedCuda Instance { get; } = new();

    public override Backend Backend => EmulatedCard.Backend;

    public override void Observe(PromptQueries queries, int first, int count, DeviceTensor chunk, LayerShape layer, PlainRotary? rotary) =>
        ((CudaPromptQueries)queries).Add(first, count, chunk, rotary?.Embedding);
}
