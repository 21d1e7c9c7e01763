namespace TailorKV.Runtime.Memory;

/// <summary>A tensor in the host's memory, where its elements can be looked at in place.</summary>
public sealed class HostTensor : DeviceTensor
{
    internal HostTensor(NativeBuffer<float> buffer)
        : base(buffer.Length) => Buffer = buffer;

    internal NativeBuffer<float> Buffer { get; }

    /// <summary>Some elements in place.</summary>
    /// <param name="start">The first.</param>
    /// <param name="length">How many.</param>
    /// <exception cref="ArgumentOutOfRangeException">They are not all there.</exception>
    public Span<float> Slice(long start, int length) => Buffer.Slice(start, length);

    /// <inheritdoc/>
    public override HostTensor Part(long start, long length) => new(Buffer.Part(start, length));

    /// <inheritdoc/>
    public override void Read(Span<float> destination) => Slice(0, destination.Length).CopyTo(destination);

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<float> source) => source.CopyTo(Slice(0, source.Length));

    /// <inheritdoc/>
    public override void CopyTo(DeviceTensor destination) => destination.CopyFrom(this);

    /// <inheritdoc/>
    protected internal override void CopyFrom(HostTensor source) => source.Buffer.CopyTo(Buffer);
}
