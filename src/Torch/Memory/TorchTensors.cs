using TailorKV.Runtime.Memory;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Memory;

/// <summary>What of a backend's tensors libtorch looks at: its own in place, the host's where they lie.</summary>
internal static class TorchTensors
{
    /// <summary>The first elements, as a tensor of the current dispose scope.</summary>
    /// <param name="tensor">Of the device or of the host.</param>
    /// <param name="count">How many.</param>
    public static unsafe Tensor Flat(DeviceTensor tensor, long count) => tensor switch
    {
        TorchTensor own => own.Value.narrow(0, 0, count),
        HostTensor host => HostMemory.View((nint)host.Buffer.Part(0, count).Start, count),
        _ => throw new ArgumentException($"{tensor.GetType().Name} is no tensor of libtorch or of the host.", nameof(tensor)),
    };

    extension(DeviceTensor tensor)
    {
        /// <summary>The first rows, [rows, columns].</summary>
        public Tensor Rows(long rows, long columns) => Flat(tensor, rows * columns).view(rows, columns);

        /// <summary>The first rows of heads, [rows, heads, headDim].</summary>
        public Tensor Heads(long rows, long heads, long headDim) => Flat(tensor, rows * heads * headDim).view(rows, heads, headDim);
    }
}
