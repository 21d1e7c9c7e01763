using System.Runtime.InteropServices;

namespace TailorKV.Cli.Checks;

/// <summary>Asks the CUDA driver, where there is one, what devices it has (CUDA driver API: cuInit, cuDeviceGetCount, cuDeviceGet, cuDeviceGetName).</summary>
internal static unsafe class CudaDevices
{
    private const int NameLength = 256;

    /// <summary>The devices' names, or why there are none.</summary>
    public static string Describe()
    {
        string library = OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1";
        if (!NativeLibrary.TryLoad(library, out nint driver))
            return "no CUDA driver (not needed: the CPU backend runs everything in this release)";
        try
        {
            var init = (delegate* unmanaged<uint, int>)NativeLibrary.GetExport(driver, "cuInit");
            var getCount = (delegate* unmanaged<int*, int>)NativeLibrary.GetExport(driver, "cuDeviceGetCount");
            var get = (delegate* unmanaged<int*, int, int>)NativeLibrary.GetExport(driver, "cuDeviceGet");
            var getName = (delegate* unmanaged<byte*, int, int, int>)NativeLibrary.GetExport(driver, "cuDeviceGetName");
            int count = 0;
            int error = init(0);
            if (error == 0)
                error = getCount(&count);
            if (error != 0)
                return $"{library} is there and answers with error {error} (not needed: the CPU backend runs everything in this release)";
            var names = new List<string>();
            byte* name = stackalloc byte[NameLength];
            for (int i = 0; i < count; i++)
            {
                int device;
                bool named = get(&device, i) == 0 && getName(name, NameLength, device) == 0;
                names.Add(named ? Marshal.PtrToStringUTF8((nint)name) ?? "" : $"device {i}");
            }

            return count == 0 ? "a driver and no device (not needed: the CPU backend runs everything in this release)"
                : string.Join(", ", names) + " (this release runs on the CPU)";
        }
        catch (EntryPointNotFoundException e)
        {
            return $"{library} is no CUDA driver: {e.Message}";
        }
    }
}
