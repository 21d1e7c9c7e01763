using TailorKV.Runtime.Memory;

namespace TailorKV.Cuda.Memory;

/// <summary>What kernels see of a backend's tensors: the card's own, and the host's, which are pinned and have one address for both.</summary>
internal static unsafe class CudaTensors
{
    extension(DeviceTensor tensor)
    {
        /// <summary>Where it begins, as kernels see it.</summary>
        /// <exception cref="ArgumentException">It is another backend's.</exception>
        public nint Address() => tensor switch
        {
            CudaTensor own => own.Address,
            HostTensor host => (nint)host.Buffer.Start,
            _ => throw new ArgumentException($"{tensor.GetType().Name} is no tensor of a card or of the host.", nameof(tensor)),
        };
    }
}
