using TailorKV.Planner.Models;
using TailorKV.Torch.Memory;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Rows;

/// <summary>Exact rows of all KV heads in bf16 or f32, [kvHeads, capacity, headDim]; a position's row lies at the position modulo the capacity.</summary>
internal sealed class ExactRows
{
    private readonly Tensor _rows;

    /// <summary>Takes the memory.</summary>
    /// <param name="region">Where the memory comes from, head by head.</param>
    /// <param name="capacity">The most rows.</param>
    /// <param name="headDim">Elements of a row.</param>
    /// <param name="precision">Their type.</param>
    public ExactRows(HeadRegion region, int capacity, int headDim, ExactPrecision precision) =>
        (Capacity, _rows) = (capacity, region.Take(precision == ExactPrecision.Float32 ? ScalarType.Float32 : ScalarType.BFloat16, capacity, headDim));

    /// <summary>The most rows.</summary>
    public int Capacity { get; }

    /// <summary>Writes rows of consecutive positions, no more than the capacity.</summary>
    /// <param name="position">The first one's.</param>
    /// <param name="rows">[kvHeads, tokens, headDim].</param>
    public void Write(int position, Tensor rows)
    {
        long count = rows.shape[1];
        for (long done = 0, some; done < count; done += some)
        {
            long place = (position + done) % Capacity;
            some = Math.Min(count - done, Capacity - place);
            _rows.narrow(1, place, some).copy_(rows.narrow(1, done, some));
        }
    }

    /// <summary>Rows of consecutive positions, in f32, from the oldest.</summary>
    /// <param name="position">The first one's.</param>
    /// <param name="count">How many, up to the capacity.</param>
    /// <returns>[kvHeads, count, headDim].</returns>
    public Tensor Read(int position, int count)
    {
        if (count == 0)
            return _rows.narrow(1, 0, 0).to(ScalarType.Float32);
        long place = position % Capacity, some = Math.Min(count, Capacity - place);
        Tensor first = _rows.narrow(1, place, some).to(ScalarType.Float32);
        return some == count ? first : cat([first, _rows.narrow(1, 0, count - some).to(ScalarType.Float32)], 1);
    }
}
