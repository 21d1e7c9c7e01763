using System.Runtime.InteropServices;
using TailorKV.Cuda.Cache;
using TailorKV.Cuda.Driver;
using TailorKV.Cuda.Memory;
using TailorKV.Planner.Models;

namespace TailorKV.Cuda.Models;

/// <summary>Launches prompt.cu: exact causal attention of a prompt's chunk.</summary>
internal sealed class PromptAttention
{
    private readonly Card _card;
    private readonly ModelShape _shape;
    private readonly AttentionShape _attention;
    private readonly Kernel _kernel;

    /// <summary>Has the kernel compiled.</summary>
    /// <param name="card">For which.</param>
    /// <param name="shape">The model's sizes.</param>
    public PromptAttention(Card card, ModelShape shape)
    {
        (_card, _shape, _attention) = (card, shape, new AttentionShape(shape.Layer(0), mostQueries: 8));
        _kernel = card.Kernels.Kernel(_attention.Source("prompt"), "attendPrompt");
    }

    /// <summary>Attends with every query of a chunk.</summary>
    /// <param name="queries">[count, heads, headDim], scaled.</param>
    /// <param name="attended">The same shape.</param>
    /// <param name="keys">[kvHeads, stride, headDim].</param>
    /// <param name="values">The same shape.</param>
    /// <param name="stride">Tokens from a head to the next.</param>
    /// <param name="first">Position of the first query.</param>
    /// <param name="count">Tokens.</param>
    /// <param name="window">The newest tokens that a query sees, its own among them; null for all.</param>
    /// <param name="softCap">The soft cap of scores, or null.</param>
    public void Run(nint queries, nint attended, nint keys, nint values, long stride, int first, int count, int? window, float? softCap) =>
        _kernel.Launch(_card.Stream, new Grid(_shape.KvHeads, count, _attention.Parts), AttentionShape.Threads,
            new Arguments(queries, attended, keys, values, stride, first, window ?? int.MaxValue, _attention.QueriesOfHead, _shape.Heads, softCap ?? 0));

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Arguments(nint Queries, nint Attended, nint Keys, nint Values, long Stride, int First, int Window, int Group, int Heads, float Cap);
}
