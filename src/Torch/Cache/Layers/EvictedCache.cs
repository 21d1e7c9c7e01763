using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Backends;
using TailorKV.Torch.Cache.Codes;
using TailorKV.Torch.Cache.Queries;
using TailorKV.Torch.Cache.Rows;
using TailorKV.Torch.Memory;
using TailorKV.Torch.Numbers;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Layers;

/// <summary>
/// Of the middle each KV head keeps only the tokens that its score puts highest, the highest first: attention does not ask for their order. What joins later takes free places, then those
/// of the prompt's blocks from the lowest score up, then those of the oldest that joined. The first block, the best of the prompt, stays.
/// </summary>
internal sealed class EvictedCache : WindowedCache
{
    private readonly EvictedPolicy _policy;
    private readonly TorchPromptQueries? _queries;
    private readonly ExactRows? _exactKeys;
    private readonly ExactRows? _exactValues;
    private readonly CodedTokens? _codes;
    private readonly Tensor _scores;
    private readonly Tensor _row;
    private readonly Tensor _order;
    private readonly KeptBlocks _blocks;

    public EvictedCache(EvictedPolicy policy, CacheRequest request)
        : base(policy, request)
    {
        _policy = policy;
        int kept = policy.KeptTokens(request.Context), middle = policy.MiddleTokens(request.Context), heads = request.Layer.KvHeads, headDim = request.Layer.HeadDim;
        _blocks = new KeptBlocks(kept / policy.BlockTokens);
        _queries = policy.PromptQueries.Any ? new TorchPromptQueries(policy.PromptQueries, request.Layer, request.SoftCap, request.Staging) : null;
        if (policy.Keys is null)
        {
            long keys = CacheBytes.Align(FullPolicy.KeyBytes(kept, headDim, policy.Precision)), values = CacheBytes.Align((long)kept * headDim * policy.Precision.Bytes());
            HeadRegion exact = request.Device.TakeHeads(heads, keys + values);
            _exactKeys = new ExactRows(exact, kept, headDim, policy.Precision);
            _exactValues = new ExactRows(exact, kept, headDim, policy.Precision);
        }
        else
        {
            _codes = new CodedTokens(TorchCodeFactory.Keys(policy.Keys, kept, request), TorchCodeFactory.Values(policy.Values!, kept, request));
        }

        HeadRegion staging = request.Staging.TakeHeads(
            heads, CacheBytes.Align((long)middle * sizeof(float)) + CacheBytes.Align((long)request.Context * sizeof(float)) + CacheBytes.Align((long)kept * sizeof(int)));
        _scores = staging.Take(ScalarType.Float32, middle);
        _row = staging.Take(ScalarType.Float32, request.Context);
        _order = staging.Take(ScalarType.Int32, kept);
    }

    /// <inheritdoc/>
    public override PromptQueries? PromptQueries => _queries;

    private int Kept => _blocks.Count * _policy.BlockTokens;

    /// <inheritdoc/>
    protected override void BeginMiddle(Tensor values) => _codes?.Begin(values);

    /// <inheritdoc/>
    protected override void StoreMiddle(Tensor keys, Tensor values)
    {
        int kept = _blocks.Load(Middle / _policy.BlockTokens) * _policy.BlockTokens;
        Tensor scores = _scores.narrow(1, 0, Middle), order = _order.narrow(1, 0, kept);
        EvictionScores.Fill(_policy.Score, _queries, keys, values, SinkTokens, scores, _row.narrow(1, 0, Tokens));
        // They have served, and other layers overwrite them.
        _queries?.Clear();
        if (kept == 0)
            return;
        // From the highest score down, the later of equal ones first.
        Tensor places = Largest.Places(scores, kept).flip(1);
        (_, Tensor downward) = scores.gather(1, places).sort(1, descending: true, stable: true);
        order.copy_(places.gather(1, downward));
        Tensor rows = order.to(ScalarType.Int64).Plus(Held.Of(SinkTokens)).unsqueeze(-1).expand(order.shape[0], kept, Layer.HeadDim);
        Write(0, keys.gather(1, rows), values.gather(1, rows));
    }

    /// <inheritdoc/>
    protected override void AddToMiddle(int first, Tensor keys, Tensor values)
    {
        if (_blocks.Join() is { } block)
            Write(block * _policy.BlockTokens, keys, values);
    }

    /// <inheritdoc/>
    protected override Tensor Attend(Tensor queries, Tensor? predicted)
    {
        Tensor weights = Scores(queries, _codes is null ? queries.matmul(_exactKeys!.Read(0, Kept).transpose(1, 2)) : _codes.Scores(queries, Kept)).softmax(-1);
        Tensor middle = weights.narrow(-1, SinkTokens, Kept);
        return SumOfEnds(weights).Plus(_codes is null ? middle.matmul(_exactValues!.Read(0, Kept)) : _codes.Sum(middle));
    }

    private void Write(int first, Tensor keys, Tensor values)
    {
        _exactKeys?.Write(first, keys);
        _exactValues?.Write(first, values);
        _codes?.Encode(first, keys, values);
    }
}
