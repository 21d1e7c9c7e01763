using System.Runtime.InteropServices;
using System.Text;
using TailorKV.Cuda.Libraries;
using TailorKV.Planner;

namespace TailorKV.Cuda.Compiling;

/// <summary>
/// NVRTC, CUDA's run-time compiler, 11.2 to 13. Its functions are looked up in the library that is named, not bound once for the process, so that several can be asked: that of this machine, and
/// one that only compiles.
/// </summary>
internal sealed unsafe class Nvrtc
{
    /// <summary>The oldest version that says which architectures it knows.</summary>
    public static readonly Version Oldest = new(11, 2);

    private readonly delegate* unmanaged<nint*, byte*, byte*, int, byte**, byte**, int> _create;
    private readonly delegate* unmanaged<nint, int, byte**, int> _compile;
    private readonly delegate* unmanaged<nint*, int> _destroy;
    private readonly delegate* unmanaged<nint, nuint*, int> _imageSize;
    private readonly delegate* unmanaged<nint, byte*, int> _image;
    private readonly delegate* unmanaged<nint, nuint*, int> _assemblySize;
    private readonly delegate* unmanaged<nint, byte*, int> _assembly;
    private readonly delegate* unmanaged<nint, nuint*, int> _logSize;
    private readonly delegate* unmanaged<nint, byte*, int> _log;
    private readonly delegate* unmanaged<int, nint> _errorString;

    private Nvrtc(nint library, string path)
    {
        Path = path;
        _create = (delegate* unmanaged<nint*, byte*, byte*, int, byte**, byte**, int>)Function("nvrtcCreateProgram");
        _compile = (delegate* unmanaged<nint, int, byte**, int>)Function("nvrtcCompileProgram");
        _destroy = (delegate* unmanaged<nint*, int>)Function("nvrtcDestroyProgram");
        _imageSize = (delegate* unmanaged<nint, nuint*, int>)Function("nvrtcGetCUBINSize");
        _image = (delegate* unmanaged<nint, byte*, int>)Function("nvrtcGetCUBIN");
        _assemblySize = (delegate* unmanaged<nint, nuint*, int>)Function("nvrtcGetPTXSize");
        _assembly = (delegate* unmanaged<nint, byte*, int>)Function("nvrtcGetPTX");
        _logSize = (delegate* unmanaged<nint, nuint*, int>)Function("nvrtcGetProgramLogSize");
        _log = (delegate* unmanaged<nint, byte*, int>)Function("nvrtcGetProgramLog");
        _errorString = (delegate* unmanaged<int, nint>)Function("nvrtcGetErrorString");
        int major, minor;
        Check(((delegate* unmanaged<int*, int*, int>)Function("nvrtcVersion"))(&major, &minor), "say its version");
        Version = new Version(major, minor);
        if (Version < Oldest)
            throw new TailorKVException($"the CUDA compiler is of version {Version}", $"Set {CudaPlaces.Variable} to a folder with NVRTC {Oldest} or later", path);
        int count;
        Check(((delegate* unmanaged<int*, int>)Function("nvrtcGetNumSupportedArchs"))(&count), "count its architectures");
        var architectures = new int[count];
        fixed (int* first = architectures)
            Check(((delegate* unmanaged<int*, int>)Function("nvrtcGetSupportedArchs"))(first), "list its architectures");
        Architectures = architectures;

        nint Function(string name) => NativeLibrary.TryGetExport(library, name, out nint address) ? address
            : throw new TailorKVException($"the CUDA compiler lacks {name}", $"Set {CudaPlaces.Variable} to a folder with NVRTC {Oldest} or later", path);
    }

    /// <summary>Where it was found.</summary>
    public string Path { get; }

    /// <summary>Its version.</summary>
    public Version Version { get; }

    /// <summary>The architectures that it compiles for, as 86 for compute capability 8.6, in ascending order.</summary>
    public IReadOnlyList<int> Architectures { get; }

    /// <summary>Opens the first that is found.</summary>
    /// <exception cref="TailorKVException">There is none, or it is too old.</exception>
    public static Nvrtc Find()
    {
        string[] names = OperatingSystem.IsWindows()
            ? ["nvrtc64_130_0.dll", "nvrtc64_120_0.dll", "nvrtc64_112_0.dll", "nvrtc64_*.dll"]
            : ["libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2", "libnvrtc*.so*"];
        foreach (string folder in CudaPlaces.Folders().Where(Directory.Exists))
            LoadBuiltins(folder);
        nint library = CudaPlaces.Open(names, out string path);
        return library != 0 ? new Nvrtc(library, path)
            : throw new TailorKVException(
                $"CUDA's run-time compiler is not there: no {names[0]} in {string.Join(", ", CudaPlaces.Folders())} or on the loader's path",
                $"Install the package cuda-nvrtc of NVIDIA or libtorch for CUDA, or set {CudaPlaces.Variable} to a folder that has it");
    }

    /// <summary>Opens the one of a folder.</summary>
    /// <exception cref="TailorKVException">It is not there, or too old.</exception>
    public static Nvrtc Open(string path)
    {
        LoadBuiltins(System.IO.Path.GetDirectoryName(path)!);
        return NativeLibrary.TryLoad(path, out nint library) ? new Nvrtc(library, path) : throw new TailorKVException("the system cannot load it", "Give the path of libnvrtc.so", path);
    }

    /// <summary>Compiles a source.</summary>
    /// <param name="source">CUDA C++.</param>
    /// <param name="name">Its name, for messages.</param>
    /// <param name="headers">What it may include: names and texts.</param>
    /// <param name="options">As of nvcc.</param>
    /// <param name="assembly">Whether PTX is wanted, which the driver compiles on, and not an image of one architecture.</param>
    /// <exception cref="TailorKVException">It does not compile; the message has the first line of the compiler's log.</exception>
    public Compiled Compile(string source, string name, IReadOnlyList<(string Name, string Text)> headers, IReadOnlyList<string> options, bool assembly)
    {
        using Utf8Strings texts = new([source, name]), included = new([.. headers.Select(header => header.Text)]), names = new([.. headers.Select(header => header.Name)]), given = new(options);
        nint program;
        Check(_create(&program, texts[0], texts[1], headers.Count, included.First, names.First), $"begin {name}");
        try
        {
            int result = _compile(program, options.Count, given.First);
            string log = Log(program);
            if (result != 0)
                throw new TailorKVException($"the CUDA compiler {Path} ({Version}) does not compile {name}: {FirstError(log) ?? Text(result)}", "This is an error of TailorKV: report it with the compiler's version");
            nuint bytes;
            Check((assembly ? _assemblySize : _imageSize)(program, &bytes), $"say how large {name} is");
            var image = new byte[bytes];
            fixed (byte* start = image)
                Check((assembly ? _assembly : _image)(program, start), $"give what it made of {name}");
            return new Compiled(image, log);
        }
        finally
        {
            _ = _destroy(&program);
        }
    }

    // The compiler opens its builtins by name alone, which the loader finds once they are open.
    private static void LoadBuiltins(string folder)
    {
        foreach (string file in Directory.GetFiles(folder, OperatingSystem.IsWindows() ? "nvrtc-builtins64_*.dll" : "libnvrtc-builtins.so.*.*").Order(StringComparer.Ordinal))
            _ = NativeLibrary.TryLoad(file, out _);
    }

    private static string? FirstError(string log) => log.Split('\n').FirstOrDefault(line => line.Contains("error", StringComparison.Ordinal))?.Trim();

    private string Log(nint program)
    {
        nuint bytes;
        Check(_logSize(program, &bytes), "give its log");
        var log = new byte[Math.Max(1, bytes)];
        fixed (byte* start = log)
            Check(_log(program, start), "give its log");
        return Encoding.UTF8.GetString(log).TrimEnd('\0');
    }

    private string Text(int result) => Marshal.PtrToStringUTF8(_errorString(result)) ?? $"error {result}";

    private void Check(int result, string what)
    {
        if (result != 0)
            throw new TailorKVException($"the CUDA compiler could not {what}: {Text(result)}", $"Set {CudaPlaces.Variable} to a folder with another NVRTC", Path);
    }

    /// <summary>What the compiler made.</summary>
    /// <param name="Image">A cubin, or PTX.</param>
    /// <param name="Log">What it said.</param>
    internal sealed record Compiled(byte[] Image, string Log);
}
