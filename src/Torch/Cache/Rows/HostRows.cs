using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Rows;

/// <summary>Keys and values of the middle in host memory, a token's key beside its value. Coded rows are turned by a Hadamard matrix, and stay so when they are fetched.</summary>
internal abstract class HostRows
{
    /// <summary>Takes the memory.</summary>
    /// <param name="policy">How the rows are kept.</param>
    /// <param name="tokens">The most tokens.</param>
    /// <param name="request">Where the memory comes from.</param>
    /// <exception cref="ArgumentException">There are no such rows.</exception>
    public static HostRows Make(OffloadedPolicy policy, int tokens, CacheRequest request) => policy.HostRows switch
    {
        null => new ExactHostRows(policy.Precision, tokens, request),
        RotatedBlockFormat coded => new CodedHostRows(coded, tokens, request),
        CodeFormat other => throw new ArgumentException($"There are no host rows in {other.Describe()}.", nameof(policy)),
    };

    /// <summary>Writes rows of consecutive tokens.</summary>
    /// <param name="first">The first one.</param>
    /// <param name="keys">[kvHeads, tokens, headDim].</param>
    /// <param name="values">[kvHeads, tokens, headDim].</param>
    public abstract void Write(int first, Tensor keys, Tensor values);

    /// <summary>Fetches rows to the device.</summary>
    /// <param name="chosen">[kvHeads, n], on the host, in ascending order, so that what lies near is read together.</param>
    /// <param name="keys">Where the keys go, [kvHeads, n, headDim].</param>
    /// <param name="values">Where the values go.</param>
    public abstract void Fetch(Tensor chosen, Tensor keys, Tensor values);

    /// <summary>Queries as they meet the keys; or sums of values as they leave, for the matrix is its own inverse.</summary>
    /// <param name="rows">[kvHeads, n, headDim].</param>
    public virtual Tensor Turned(Tensor rows) => rows;

    /// <summary>Bytes of one KV head's rows.</summary>
    /// <param name="tokens">The most tokens.</param>
    /// <param name="row">Bytes of a key or a value.</param>
    protected static long Bytes(int tokens, long row) => 2 * CacheBytes.Align(tokens * row);
}
