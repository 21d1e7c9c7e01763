using TailorKV.Runtime.Memory;

namespace TailorKV.Cuda.Memory;

/// <summary>A run of single-precision numbers on a card.</summary>
/// <param name="card">The card.</param>
/// <param name="address">Where it begins there.</param>
/// <param name="length">Its elements.</param>
internal sealed unsafe class CudaTensor(Card card, nint address, long length) : DeviceTensor(length)
{
    /// <summary>Where it begins on the card.</summary>
    public nint Address => address;

    /// <inheritdoc/>
    public override CudaTensor Part(long start, long length)
    {
        Check(start, length);
        return new CudaTensor(card, address + (nint)(start * sizeof(float)), length);
    }

    /// <inheritdoc/>
    public override void Read(Span<float> destination)
    {
        Check(0, destination.Length);
        using (card.Use())
        {
            fixed (float* to = destination)
                card.Stream.CopyToHost(to, address, destination.Length * (long)sizeof(float));
            card.Stream.Synchronize();
        }
    }

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<float> source)
    {
        Check(0, source.Length);
        using (card.Use())
        {
            fixed (float* from = source)
                card.Stream.CopyToDevice(address, from, source.Length * (long)sizeof(float));
            // Where the source is pinned it is read later.
            card.Stream.Synchronize();
        }
    }

    /// <inheritdoc/>
    public override void CopyTo(DeviceTensor destination)
    {
        if (destination.Length < Length)
            throw new ArgumentException($"{Length} elements do not go into a tensor of {destination.Length}.", nameof(destination));
        using (card.Use())
        {
            if (destination is HostTensor host)
            {
                card.Stream.CopyToHost(host.Buffer.Start, address, Length * sizeof(float));
                card.Stream.Synchronize();
            }
            else
            {
                card.Stream.CopyWithinDevice(destination.Address(), address, Length * sizeof(float));
            }
        }
    }

    /// <inheritdoc/>
    protected internal override void CopyFrom(HostTensor source)
    {
        Check(0, source.Length);
        using (card.Use())
        {
            card.Stream.CopyToDevice(address, source.Buffer.Start, source.Length * sizeof(float));
            card.Stream.Synchronize();
        }
    }

    private void Check(long start, long count)
    {
        if (start < 0 || count < 0 || start > Length - count)
            throw new ArgumentOutOfRangeException(nameof(start), $"{count} elements from {start} on are not in a tensor of {Length}.");
    }
}
