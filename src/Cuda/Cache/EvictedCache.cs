using TailorKV.Cuda.Memory;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Backends.Cpu.Cache.Queries;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Cuda.Cache;

/// <summary>
/// Of the middle each KV head keeps only the tokens that its score puts highest, the highest first, exactly or in codes; what leaves the window later takes free places, and then those of the lowest. Once a prompt
/// the host scores and orders its tokens, by the CPU backend's scores; all else is quantized.cu's, with fewer tokens.
/// </summary>
internal sealed class EvictedCache : QuantizedCache
{
    private readonly EvictedPolicy _policy;
    private readonly CudaPromptQueries? _queries;
    private readonly nint _order;
    private readonly long _orderStride;

    /// <summary>Takes the memory.</summary>
    /// <param name="policy">How the layer is kept.</param>
    /// <param name="request">What it is made for, and of.</param>
    public EvictedCache(EvictedPolicy policy, CacheRequest request)
        : base(policy, policy.Keys, policy.Values, policy.KeptTokens(request.Context), request)
    {
        _policy = policy;
        _queries = policy.PromptQueries.Any ? new CudaPromptQueries(policy.PromptQueries, Layer, request.SoftCap) : null;
        // What plans grant for queries and scores is left: they are the host's.
        long head = policy.BytesPerKvHead(Layer, request.Context).Staging;
        (_order, _orderStride) = (request.Staging.TakeBytes(policy.Bytes(Layer, request.Context).Staging), head / sizeof(int));
    }

    /// <inheritdoc/>
    public override PromptQueries? PromptQueries => _queries;

    /// <inheritdoc/>
    protected override void Rank(KeyValues prompt, int tokens)
    {
        int middle = _policy.MiddleTokens(tokens), kept = Window.Kept(tokens);
        if (kept > 0)
        {
            // Work on the card that writes rows of the host is done before they are read there.
            Card.Stream.Synchronize();
            bool onHost = prompt is { Keys: HostTensor, Values: HostTensor };
            long copied = onHost ? 0 : CacheBytes.Align(prompt.Keys.Length * sizeof(float)) + CacheBytes.Align(prompt.Values.Length * sizeof(float));
            using Arena room = new("a prompt's keys and values, to score them", copied);
            (HostTensor keys, HostTensor values) = onHost ? ((HostTensor)prompt.Keys, (HostTensor)prompt.Values) : (Copy(prompt.Keys, room), Copy(prompt.Values, room));
            var orders = new int[Layer.KvHeads][];
            Parallel.For(0, Layer.KvHeads, head => orders[head] = Order(head, keys.Buffer, values.Buffer, prompt.Stride, tokens, middle, kept));
            for (int head = 0; head < orders.Length; head++)
                Card.Write(_order + (nint)(head * _orderStride * sizeof(int)), orders[head]);
        }

        // They have served.
        _queries?.Clear();
    }

    /// <inheritdoc/>
    protected override void Store(nint keys, nint values, long stride, int tokens) => Window.Store(keys, values, stride, tokens, _order, _orderStride);

    private static HostTensor Copy(DeviceTensor rows, Arena room)
    {
        HostTensor copy = room.TakeTensor(rows.Length);
        rows.CopyTo(copy);
        return copy;
    }

    /// <summary>The tokens of a KV head's middle that are kept, from the highest score down, the later of equal ones first.</summary>
    private int[] Order(int head, NativeBuffer<float> keys, NativeBuffer<float> values, int stride, int tokens, int middle, int kept)
    {
        long start = (long)head * stride * Layer.HeadDim, length = (long)tokens * Layer.HeadDim;
        float[] scores = new float[middle], row = new float[tokens];
        EvictionScores.Fill(_policy.Score, _queries?.OfHead(head), keys.Part(start, length), values.Part(start, length), Layer.HeadDim, tokens, Window.Sinks(tokens), scores, row);
        var order = new int[kept];
        TopK.Select(scores, order);
        Array.Sort(order, (x, y) => scores[x] != scores[y] ? scores[y].CompareTo(scores[x]) : y.CompareTo(x));
        return order;
    }
}
