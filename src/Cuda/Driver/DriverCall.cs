using System.Runtime.InteropServices;
using TailorKV.Planner;

namespace TailorKV.Cuda.Driver;

/// <summary>Names what the driver's functions return.</summary>
internal static class DriverCall
{
    private const int OutOfMemory = 2;

    /// <summary>Refuses all results but success.</summary>
    /// <param name="result">What a function returned.</param>
    /// <param name="what">What it was to do, as in "take 12 bytes of the card".</param>
    /// <exception cref="CapacityExceededException">There is not enough memory.</exception>
    /// <exception cref="TailorKVException">Anything else went wrong.</exception>
    public static void Check(int result, string what)
    {
        if (result != 0)
            throw Named(result, what);
    }

    private static TailorKVException Named(int result, string what)
    {
        string name = DriverApi.GetErrorName(result, out nint first) == 0 && first != 0 ? Marshal.PtrToStringUTF8(first)! : $"error {result}";
        string text = DriverApi.GetErrorString(result, out nint second) == 0 && second != 0 ? Marshal.PtrToStringUTF8(second)! : "of no known meaning";
        string message = $"the CUDA driver could not {what}: {name} ({text})";
        return result == OutOfMemory
            ? new CapacityExceededException(message, "Plan with less --vram or a shorter context, or free memory of the card")
            : new TailorKVException(message, "Look whether nvidia-smi shows the card and no other errors; a new process starts afresh");
    }
}
