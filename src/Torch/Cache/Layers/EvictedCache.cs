using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Backends;
using TailorKV.Torch.Cache.Codes;
using TailorKV.Torch.Cache.Queries;
using TailorKV.Torch.Cache.Rows;
using TailorKV.Torch.Memory;
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
    private readonly int _blocks;
    private int _ofPrompt;
    private int _joined;

    public EvictedCache(EvictedPolicy policy, CacheRequest request)
        : base(policy, request)
    {
        _policy = policy;
        int kept = policy.KeptTokens(request.Context), middle = policy.MiddleTokens(request.Context), heads = request.Layer.KvHeads, headDim = request.Layer.HeadDim;
        _blocks = kept / policy.BlockTokens;
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

    private int Kept => Math.Min(_blocks, _ofPrompt + _joined) * _policy.BlockTokens;

    /// <inheritdoc/>
    protected override void StoreMiddle(Tensor keys, Tensor values)
    {
        (_ofPrompt, _joined) = (Math.Min(_blocks, Middle / _policy.BlockTokens), 0);
        int kept = _ofPrompt * _policy.BlockTokens;
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
        Tensor rows = (order.to(ScalarType.Int64) + SinkTokens).unsqueeze(-1).expand(order.shape[0], kept, Layer.HeadDim);
        Write(0, keys.gather(1, rows), values.gather(1, rows));
    }

    /// <inheritdoc/>
    protected override void AddToMiddle(int first, Tensor keys, Tensor values)
    {
        if (NextBlock() is { } block)
            Write(block * _policy.BlockTokens, keys, values);
        _joined++;
    }

    /// <inheritdoc/>
    protected override Tensor Attend(Tensor queries, Tensor? predicted)
    {
        Tensor weights = Scores(queries, _codes is null ? queries.matmul(_exactKeys!.Read(0, Kept).transpose(1, 2)) : _codes.Scores(queries, Kept)).softmax(-1);
        Tensor middle = weights.narrow(-1, SinkTokens, Kept);
        return SumOfEnds(weights) + (_codes is null ? middle.matmul(_exactValues!.Read(0, Kept)) : _codes.Sum(middle));
    }

    /// <summary>Where the next block that joins lies; null where there is room for no block but the first.</summary>
    private int? NextBlock()
    {
        int free = _blocks - _ofPrompt;
        if (_joined < free)
            return _ofPrompt + _joined;
        if (_blocks < 2)
            return null;
        int lowest = Math.Max(0, _ofPrompt - 1), turn = (_joined - free) % (_blocks - 1);
        return turn < lowest ? lowest - turn : turn + 1;
    }

    private void Write(int first, Tensor keys, Tensor values)
    {
        _exactKeys?.Write(first, keys);
        _exactValues?.Write(first, values);
        _codes?.Encode(first, keys, values);
    }
}
