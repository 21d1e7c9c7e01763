using TailorKV.Runtime.Backends.Cpu.Threads;
using TailorKV.Runtime.Models;

namespace TailorKV.Runtime.Backends.Cpu.Products;

/// <summary>The matrices of one layer.</summary>
/// <param name="weights">As they are stored.</param>
/// <param name="pool">The threads that multiply.</param>
internal sealed class LayerMatrices(LayerWeights weights, WorkerPool pool)
{
    public WeightMatrix Query { get; } = new(weights.Query, pool);

    public WeightMatrix Key { get; } = new(weights.Key, pool);

    public WeightMatrix Value { get; } = new(weights.Value, pool);

    public WeightMatrix AttentionOutput { get; } = new(weights.AttentionOutput, pool);

    public WeightMatrix Gate { get; } = new(weights.Gate, pool);

    public WeightMatrix Up { get; } = new(weights.Up, pool);

    public WeightMatrix Down { get; } = new(weights.Down, pool);

    /// <summary>All of them, as a token reads them.</summary>
    public IEnumerable<WeightMatrix> All => [Query, Key, Value, AttentionOutput, Gate, Up, Down];
}
