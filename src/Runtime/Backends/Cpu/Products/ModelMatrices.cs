using TailorKV.Planner;
using TailorKV.Runtime.Backends.Cpu.Threads;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Models;

namespace TailorKV.Runtime.Backends.Cpu.Products;

/// <summary>The matrices that a model's tokens are multiplied by. Of embeddings that are not the output matrix too, rows are looked up alone, where they are stored.</summary>
internal sealed class ModelMatrices : IDisposable
{
    private readonly Arena _laidOut;

    /// <summary>Lays them out for products, one after another as a token reads them.</summary>
    /// <param name="weights">As they are stored.</param>
    /// <param name="pool">The threads that multiply.</param>
    /// <exception cref="CapacityExceededException">The machine has not that much memory free.</exception>
    public ModelMatrices(ModelWeights weights, WorkerPool pool)
    {
        Layers = [.. weights.Layers.Select(layer => new LayerMatrices(layer, pool))];
        Output = new WeightMatrix(weights.Output, pool);
        WeightMatrix[] all = [.. Layers.SelectMany(layer => layer.All), Output];
        LaidOutBytes = LaidOutBytesOf(weights);
        FreeMemory.Require(LaidOutBytes, "laying the weights out");
        _laidOut = new Arena("weights", LaidOutBytes);
        foreach (WeightMatrix matrix in all)
            matrix.LayOut(_laidOut);
    }

    public IReadOnlyList<LayerMatrices> Layers { get; }

    /// <summary>The output projection, [vocabulary, hidden].</summary>
    public WeightMatrix Output { get; }

    /// <summary>Bytes that they take besides those stored: about as much where they are stored in blocks, else 0.</summary>
    public long LaidOutBytes { get; }

    /// <summary>The <see cref="LaidOutBytes"/> that weights will have.</summary>
    /// <param name="weights">As they are stored.</param>
    public static long LaidOutBytesOf(ModelWeights weights) => weights.Layers.SelectMany(layer => layer.Matrices).Append(weights.Output).Sum(WeightMatrix.LaidOutBytesOf);

    /// <summary>Gives back the memory of what was laid out, when no product uses it any more.</summary>
    public void Dispose() => _laidOut.Dispose();
}
