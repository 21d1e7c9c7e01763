using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Memory;

/// <summary>Looks at memory of the host as a tensor, which TorchSharp does for managed arrays alone.</summary>
internal static unsafe partial class HostMemory
{
    /// <summary>Single-precision numbers in place.</summary>
    /// <param name="start">The first; the memory must outlive the tensor.</param>
    /// <param name="count">How many.</param>
    public static Tensor View(nint start, long count) => View(start, ScalarType.Float32, count);

    /// <summary>Elements of a type in place.</summary>
    /// <param name="start">The first; the memory must outlive the tensor.</param>
    /// <param name="type">Their type.</param>
    /// <param name="count">How many.</param>
    public static Tensor View(nint start, ScalarType type, long count)
    {
        nint handle = New(start, &Keep, &count, 1, (sbyte)type, (sbyte)type, (int)DeviceType.CPU, -1, requiresGradient: 0);
        if (handle == 0)
            torch.CheckForErrors();
        return Tensor.UnsafeCreateTensor(handle);
    }

    /// <summary>Where a tensor's first element lies, on whatever device.</summary>
    /// <param name="tensor">The tensor.</param>
    public static nint Start(Tensor tensor)
    {
        nint start = Data(tensor.Handle);
        if (start == 0)
            torch.CheckForErrors();
        return start;
    }

    // The memory is somebody else's.
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Keep(nint start)
    {
    }

    [LibraryImport("LibTorchSharp", EntryPoint = "THSTensor_data")]
    private static partial nint Data(nint tensor);

    [LibraryImport("LibTorchSharp", EntryPoint = "THSTensor_new")]
    private static partial nint New(
        nint data, delegate* unmanaged[Cdecl]<nint, void> deleter, long* sizes, int dimensions, sbyte type, sbyte asType, int device, int deviceIndex, byte requiresGradient);
}
