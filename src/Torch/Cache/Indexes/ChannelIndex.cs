using System.Runtime.InteropServices;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Torch.Link;
using TailorKV.Torch.Memory;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Indexes;

/// <summary>
/// Scores by the few channels where |predicted query, mean over the group| * max |key| is largest (TailorKV, arXiv 2505.19586; docs/policies.md). The channels' rows come from a transposed copy of the
/// keys on the host.
/// </summary>
internal sealed class ChannelIndex : TorchKeyIndex
{
    private readonly int _count;

    // [kvHeads, headDim], on the device.
    private readonly Tensor _largest;

    // [kvHeads, headDim, capacity], on the host.
    private readonly Tensor _transposed;

    // [kvHeads, count * capacity]: rows of as many tokens as there are.
    private readonly Tensor _fetched;
    private readonly HostLink _link;
    private readonly nint _transposedStart;
    private readonly nint _fetchedStart;

    // [kvHeads, count]: channels whose rows are on their way, and of how many tokens.
    private Tensor? _prefetched;
    private int _prefetchedTokens;

    public ChannelIndex(CriticalChannels index, int capacity, CacheRequest request)
    {
        (int heads, int headDim) = (request.Layer.KvHeads, request.Layer.HeadDim);
        CacheBytes bytes = index.BytesPerKvHead(headDim, capacity);
        (_count, _link) = (index.Count, request.Link);
        _largest = request.Device.TakeHeads(heads, bytes.Device).Take(ScalarType.Float32, headDim);
        _transposed = HostBytes.TakeHeads(request.Host, heads, bytes.Host).Take(ScalarType.BFloat16, headDim, capacity);
        _fetched = request.Staging.TakeHeads(heads, bytes.Staging).Take(ScalarType.BFloat16, (long)index.Count * capacity);
        (_transposedStart, _fetchedStart) = capacity == 0 ? (0, 0) : (HostMemory.Start(_transposed), HostMemory.Start(_fetched));
    }

    /// <inheritdoc/>
    public override void Clear()
    {
        Forget();
        _largest.zero_();
    }

    /// <inheritdoc/>
    public override void Add(int first, Tensor keys)
    {
        _largest.copy_(maximum(_largest, keys.abs().amax([1])));
        _transposed.narrow(2, first, keys.shape[1]).copy_(keys.transpose(1, 2));
    }

    /// <inheritdoc/>
    public override void Prefetch(Tensor predicted, int tokens)
    {
        Forget();
        if (tokens > 0)
            (_prefetched, _prefetchedTokens) = (Begin(predicted, tokens).DetachFromDisposeScope(), tokens);
    }

    /// <inheritdoc/>
    public override Tensor Scores(Tensor queries, Tensor? predicted, int tokens)
    {
        // Where tokens have joined since, other channels may count, and rows are longer.
        if (_prefetchedTokens != tokens)
            Forget();
        Tensor channels = _prefetched?.alias() ?? Begin(predicted!, tokens);
        Forget();
        Tensor met = queries.gather(2, channels.unsqueeze(1).expand(queries.shape[0], queries.shape[1], _count));
        return met.matmul(_fetched.narrow(1, 0, (long)_count * tokens).view(queries.shape[0], _count, tokens).to(ScalarType.Float32));
    }

    /// <summary>Begins to fetch the channels that count; which they are.</summary>
    private Tensor Begin(Tensor predicted, int tokens)
    {
        Tensor channels = Largest.Places(predicted.sum(1).abs() * _largest, _count), onHost = channels.cpu();
        long bytes = (long)tokens * _transposed.element_size();
        ReadOnlySpan<long> places = MemoryMarshal.Cast<byte, long>(onHost.contiguous().bytes);
        _link.Follow();
        for (int i = 0; i < places.Length && bytes > 0; i++)
            _link.Begin(_transposedStart + At(_transposed, i / _count, places[i] * _transposed.stride(1)), _fetchedStart + At(_fetched, i / _count, i % _count * (long)tokens), bytes);
        return channels;
    }

    /// <summary>Has what follows wait for copies begun, whoever needs them, and forgets what was prefetched.</summary>
    private void Forget()
    {
        _link.Wait();
        _prefetched?.Dispose();
        (_prefetched, _prefetchedTokens) = (null, 0);
    }

    // A head's memory begins a fixed stride after the one before.
    private static nint At(Tensor tensor, int head, long element) => (nint)(((head * tensor.stride(0)) + element) * tensor.element_size());
}
