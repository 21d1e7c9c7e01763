using TailorKV.Runtime.Memory;

namespace TailorKV.Runtime.Backends.Cpu;

/// <summary>The CPU's tensors lie in the host's memory, be it the device's part or the host's: here they are looked at in place.</summary>
internal static class CpuTensors
{
    extension(DeviceTensor tensor)
    {
        /// <summary>The memory that the tensor lies in.</summary>
        public NativeBuffer<float> Buffer => ((HostTensor)tensor).Buffer;

        /// <summary>All elements.</summary>
        public Span<float> Span => ((HostTensor)tensor).Buffer.Span;

        /// <summary>Some elements.</summary>
        /// <param name="start">The first.</param>
        /// <param name="length">How many.</param>
        public Span<float> Slice(long start, int length) => ((HostTensor)tensor).Buffer.Slice(start, length);
    }
}
