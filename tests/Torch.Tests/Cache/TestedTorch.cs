using TailorKV.Planner.Models;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Tests.Backends.Cpu.Cache;
using TailorKV.Torch.Cache.Queries;
using TailorKV.Torch.Memory;
using TailorKV.Torch.Rotary;
using TorchSharp;

namespace TailorKV.Torch.Tests.Cache;

/// <summary>The TorchSharp backend on libtorch's cpu device.</summary>
internal sealed class TestedTorch : TestedBackend
{
    public static TestedTorch Instance { get; } = new();

    public override TorchBackend Backend { get; } = new(new TorchOptions { Threads = 1 });

    public override void Observe(PromptQueries queries, int first, int count, DeviceTensor chunk, LayerShape layer, PlainRotary? rotary)
    {
        using var scope = torch.NewDisposeScope();
        TorchRotary? turned = rotary is null ? null : new TorchRotary(rotary.Embedding, interleaved: false, torch.CPU);
        ((TorchPromptQueries)queries).Add(first, chunk.Heads(count, layer.Heads, layer.HeadDim), turned);
    }
}
