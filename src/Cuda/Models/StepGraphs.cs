using System.Diagnostics.CodeAnalysis;
using TailorKV.Cuda.Driver;
using TailorKV.Cuda.Memory;

namespace TailorKV.Cuda.Models;

/// <summary>What a session's steps need on the card besides its arenas: where their position and tokens lie, and the graphs that have been recorded, one for each number of tokens.</summary>
[SuppressMessage("Design", "CA1001", Justification = "A card's memory is given back when nobody knows it any more: sessions do not say when they let go of it.")]
internal sealed class StepGraphs
{
    private readonly DeviceMemory _inputs;

    /// <summary>Takes the memory.</summary>
    /// <param name="card">The card.</param>
    /// <param name="tokens">The most tokens of a step.</param>
    public StepGraphs(Card card, int tokens) => _inputs = new DeviceMemory(card.Context, (1L + tokens) * sizeof(int));

    /// <summary>The address of the first token's position.</summary>
    public nint Position => _inputs.Address;

    /// <summary>The address of the tokens.</summary>
    public nint Tokens => _inputs.Address + sizeof(int);

    /// <summary>The graphs, by the number of tokens.</summary>
    public Dictionary<int, CudaGraph> Recorded { get; } = [];
}
