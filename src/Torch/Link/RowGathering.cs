using TailorKV.Torch.Memory;
using static TorchSharp.torch;

namespace TailorKV.Torch.Link;

/// <summary>Rows of the host's memory put side by side, as libtorch's index_select does, but into memory of the caller's.</summary>
internal static unsafe class RowGathering
{
    /// <summary>Gathers.</summary>
    /// <param name="rows">[tokens, length], on the host, the elements of a row side by side.</param>
    /// <param name="places">[n], int64, on the host.</param>
    /// <param name="destination">Room for n rows.</param>
    public static void Gather(Tensor rows, Tensor places, nint destination)
    {
        long row = rows.shape[1] * rows.element_size(), step = rows.stride(0) * rows.element_size(), count = places.shape[0];
        byte* from = (byte*)HostMemory.Start(rows), to = (byte*)destination;
        long* at = (long*)HostMemory.Start(places);
        for (long i = 0; i < count; i++)
            Buffer.MemoryCopy(from + (at[i] * step), to + (i * row), row, row);
    }
}
