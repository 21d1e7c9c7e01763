using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Torch.Memory;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Rows;

/// <summary>Rows of the middle in host memory, and the few of them that a step has chosen and fetched.</summary>
internal sealed class ChosenRows
{
    private readonly int _topK;
    private readonly HostRows _host;

    // In staging: what a step left there is another layer's the next moment.
    private readonly Tensor _keys;
    private readonly Tensor _values;
    private readonly Tensor _chosen;
    private readonly Tensor _mass;

    /// <summary>Takes the memory.</summary>
    /// <param name="policy">How rows lie on the host.</param>
    /// <param name="topK">The most rows that are chosen.</param>
    /// <param name="tokens">The most tokens of the middle.</param>
    /// <param name="request">Where the memory comes from.</param>
    public ChosenRows(OffloadedPolicy policy, int topK, int tokens, CacheRequest request)
    {
        (int heads, long headDim) = (request.Layer.KvHeads, request.Layer.HeadDim);
        _topK = Math.Min(topK, tokens);
        _host = HostRows.Make(policy, tokens, request);
        long rows = CacheBytes.Align(_topK * headDim * sizeof(float)), numbers = CacheBytes.Align((long)_topK * sizeof(int)), mass = CacheBytes.Align((long)tokens * sizeof(float));
        HeadRegion region = request.Staging.TakeHeads(heads, (2 * rows) + numbers + mass);
        _keys = region.Take(ScalarType.Float32, _topK, headDim);
        _values = region.Take(ScalarType.Float32, _topK, headDim);
        _chosen = region.Take(ScalarType.Int32, _topK);
        _mass = region.Take(ScalarType.Float32, tokens);
    }

    /// <summary>Rows chosen.</summary>
    public int Count { get; private set; }

    /// <summary>The tokens chosen, [kvHeads, count], int64, in ascending order.</summary>
    public Tensor Chosen => _chosen.narrow(1, 0, Count).to(ScalarType.Int64);

    private Tensor Keys => _keys.narrow(1, 0, Count);

    private Tensor Values => _values.narrow(1, 0, Count);

    /// <inheritdoc cref="HostRows.Write"/>
    public void Write(int first, Tensor keys, Tensor values)
    {
        if (keys.shape[1] > 0)
            _host.Write(first, keys, values);
    }

    /// <summary>Chooses the tokens of most probability, of equal ones the earlier, and fetches their rows.</summary>
    /// <param name="mass">[kvHeads, middle]: what orders as probabilities do.</param>
    public void Choose(Tensor mass)
    {
        int tokens = (int)mass.shape[1];
        _mass.narrow(1, 0, tokens).copy_(mass);
        Count = Math.Min(_topK, tokens);
        if (Count == 0)
            return;
        Tensor chosen = Largest.Places(mass, Count);
        _chosen.narrow(1, 0, Count).copy_(chosen);
        _host.Fetch(chosen.cpu(), Keys, Values);
    }

    /// <summary>What one KV head's tokens were chosen by, on the host.</summary>
    /// <param name="kvHead">The KV head.</param>
    /// <param name="tokens">The middle's tokens.</param>
    public float[] LogMass(int kvHead, int tokens)
    {
        using var scope = NewDisposeScope();
        return _mass.select(0, kvHead).narrow(0, 0, tokens).cpu().data<float>().ToArray();
    }

    /// <summary>Scores of the chosen tokens by what was fetched.</summary>
    /// <param name="queries">[kvHeads, n, headDim].</param>
    /// <returns>[kvHeads, n, count].</returns>
    public Tensor Scores(Tensor queries) => _host.Turned(queries).matmul(Keys.transpose(1, 2));

    /// <summary>Weighted sums of the chosen tokens' values.</summary>
    /// <param name="weights">[kvHeads, n, count].</param>
    /// <returns>[kvHeads, n, headDim].</returns>
    public Tensor Sum(Tensor weights) => _host.Turned(weights.matmul(Values));
}
