using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TailorKV.Cuda.Libraries;
using TailorKV.Planner;

namespace TailorKV.Cuda.Driver;

/// <summary>The functions of the CUDA driver that are used here, as cuda.h declares them. Every one of them returns a result that <see cref="DriverCall.Check"/> names.</summary>
internal static unsafe partial class DriverApi
{
    /// <summary>The driver's versions that there are all functions in: 11.4 and later.</summary>
    public const int LeastVersion = 11040;

    private const string Library = "tailorkv-cuda-driver";

    private static readonly Lazy<string> Loaded = new(LoadOnce);
    private static nint _handle;

    /// <summary>Loads and starts the driver, unless that has been done.</summary>
    /// <returns>Where it was found.</returns>
    /// <exception cref="TailorKVException">It is not there, or too old.</exception>
    public static string Load() => Loaded.Value;

    private static string LoadOnce()
    {
        _handle = CudaPlaces.Open(OperatingSystem.IsWindows() ? ["nvcuda.dll"] : ["libcuda.so.1", "libcuda.so"], out string path);
        if (_handle == 0)
        {
            throw new TailorKVException(
                $"there is no CUDA driver here: no {(OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1")} on the loader's path", $"Install NVIDIA's driver, or set {CudaPlaces.Variable} to a folder that has it; or use --device cpu");
        }

        NativeLibrary.SetDllImportResolver(typeof(DriverApi).Assembly, (name, _, _) => name == Library ? _handle : 0);
        DriverCall.Check(Init(0), "start the driver");
        DriverCall.Check(DriverGetVersion(out int version), "ask the driver's version");
        return version >= LeastVersion ? path
            : throw new TailorKVException($"the CUDA driver {path} is of version {version / 1000}.{version % 1000 / 10}", $"Update it to {LeastVersion / 1000}.{LeastVersion % 1000 / 10} or later");
    }

    [LibraryImport(Library, EntryPoint = "cuInit")]
    internal static partial int Init(uint flags);

    [LibraryImport(Library, EntryPoint = "cuDriverGetVersion")]
    internal static partial int DriverGetVersion(out int version);

    [LibraryImport(Library, EntryPoint = "cuGetErrorName")]
    internal static partial int GetErrorName(int result, out nint name);

    [LibraryImport(Library, EntryPoint = "cuGetErrorString")]
    internal static partial int GetErrorString(int result, out nint text);

    [LibraryImport(Library, EntryPoint = "cuDeviceGetCount")]
    internal static partial int DeviceGetCount(out int count);

    [LibraryImport(Library, EntryPoint = "cuDeviceGet")]
    internal static partial int DeviceGet(out int device, int ordinal);

    [LibraryImport(Library, EntryPoint = "cuDeviceGetName")]
    internal static partial int DeviceGetName(byte* name, int length, int device);

    [LibraryImport(Library, EntryPoint = "cuDeviceGetAttribute")]
    internal static partial int DeviceGetAttribute(out int value, int attribute, int device);

    [LibraryImport(Library, EntryPoint = "cuDeviceTotalMem_v2")]
    internal static partial int DeviceTotalMem(out nuint bytes, int device);

    [LibraryImport(Library, EntryPoint = "cuDevicePrimaryCtxRetain")]
    internal static partial int PrimaryContextRetain(out nint context, int device);

    [LibraryImport(Library, EntryPoint = "cuDevicePrimaryCtxRelease_v2")]
    internal static partial int PrimaryContextRelease(int device);

    [LibraryImport(Library, EntryPoint = "cuCtxSetCurrent")]
    internal static partial int ContextSetCurrent(nint context);

    [LibraryImport(Library, EntryPoint = "cuMemGetInfo_v2")]
    internal static partial int MemoryInfo(out nuint free, out nuint total);

    [LibraryImport(Library, EntryPoint = "cuMemAlloc_v2")]
    internal static partial int MemoryAllocate(out nint address, nuint bytes);

    [LibraryImport(Library, EntryPoint = "cuMemFree_v2")]
    internal static partial int MemoryFree(nint address);

    [LibraryImport(Library, EntryPoint = "cuMemHostAlloc")]
    internal static partial int HostAllocate(out nint address, nuint bytes, uint flags);

    [LibraryImport(Library, EntryPoint = "cuMemFreeHost")]
    internal static partial int HostFree(nint address);

    [LibraryImport(Library, EntryPoint = "cuMemcpyHtoDAsync_v2")]
    internal static partial int CopyToDevice(nint to, void* from, nuint bytes, Stream stream);

    [LibraryImport(Library, EntryPoint = "cuMemcpyDtoHAsync_v2")]
    internal static partial int CopyToHost(void* to, nint from, nuint bytes, Stream stream);

    [LibraryImport(Library, EntryPoint = "cuMemcpyDtoDAsync_v2")]
    internal static partial int CopyWithinDevice(nint to, nint from, nuint bytes, Stream stream);

    [LibraryImport(Library, EntryPoint = "cuMemsetD8Async")]
    internal static partial int SetBytes(nint to, byte value, nuint count, Stream stream);

    [LibraryImport(Library, EntryPoint = "cuStreamCreate")]
    internal static partial int StreamCreate(out nint stream, uint flags);

    [LibraryImport(Library, EntryPoint = "cuStreamDestroy_v2")]
    internal static partial int StreamDestroy(nint stream);

    [LibraryImport(Library, EntryPoint = "cuStreamSynchronize")]
    internal static partial int StreamSynchronize(Stream stream);

    [LibraryImport(Library, EntryPoint = "cuStreamWaitEvent")]
    internal static partial int StreamWaitEvent(Stream stream, CudaEvent waited, uint flags);

    [LibraryImport(Library, EntryPoint = "cuStreamBeginCapture_v2")]
    internal static partial int StreamBeginCapture(Stream stream, int mode);

    [LibraryImport(Library, EntryPoint = "cuStreamEndCapture")]
    internal static partial int StreamEndCapture(Stream stream, out nint graph);

    [LibraryImport(Library, EntryPoint = "cuEventCreate")]
    internal static partial int EventCreate(out nint created, uint flags);

    [LibraryImport(Library, EntryPoint = "cuEventDestroy_v2")]
    internal static partial int EventDestroy(nint destroyed);

    [LibraryImport(Library, EntryPoint = "cuEventRecord")]
    internal static partial int EventRecord(CudaEvent recorded, Stream stream);

    [LibraryImport(Library, EntryPoint = "cuEventElapsedTime")]
    internal static partial int EventElapsedTime(out float milliseconds, CudaEvent start, CudaEvent end);

    [LibraryImport(Library, EntryPoint = "cuGraphDestroy")]
    internal static partial int GraphDestroy(nint graph);

    [LibraryImport(Library, EntryPoint = "cuGraphInstantiateWithFlags")]
    internal static partial int GraphInstantiate(out nint executable, nint graph, ulong flags);

    [LibraryImport(Library, EntryPoint = "cuGraphLaunch")]
    internal static partial int GraphLaunch(CudaGraph executable, Stream stream);

    [LibraryImport(Library, EntryPoint = "cuGraphExecDestroy")]
    internal static partial int GraphExecutableDestroy(nint executable);

    [LibraryImport(Library, EntryPoint = "cuModuleLoadData")]
    internal static partial int ModuleLoad(out nint module, byte* image);

    [LibraryImport(Library, EntryPoint = "cuModuleUnload")]
    internal static partial int ModuleUnload(nint module);

    [LibraryImport(Library, EntryPoint = "cuModuleGetFunction", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int ModuleGetFunction(out nint function, KernelModule module, string name);

    [LibraryImport(Library, EntryPoint = "cuLaunchKernel")]
    internal static partial int LaunchKernel(
        nint function, uint gridX, uint gridY, uint gridZ, uint blockX, uint blockY, uint blockZ, uint sharedBytes, Stream stream, void** parameters, void** extra);
}
