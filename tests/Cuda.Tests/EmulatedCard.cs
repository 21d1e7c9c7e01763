using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using TailorKV.Cuda.Compiling;
using TailorKV.Cuda.Libraries;

namespace TailorKV.Cuda.Tests;

/// <summary>
/// The emulator: a CUDA driver and an NVRTC that g++ builds from this project's Emulator folder, and that run kernels on this machine's processor. Built once, beside the test's assembly; tests are skipped where
/// there is no g++.
/// </summary>
internal static unsafe class EmulatedCard
{
    private static readonly Lazy<string?> Folder = new(Build);
    private static readonly Lazy<CudaBackend> Opened = new(() => new CudaBackend(new CudaOptions { KernelCache = KernelFolder }));

    /// <summary>A backend on the emulated card, which all tests share.</summary>
    public static CudaBackend Backend
    {
        get
        {
            Require();
            return Opened.Value;
        }
    }

    /// <summary>Where kernels of all tests are kept.</summary>
    public static ImageCache Images => new(KernelFolder);

    /// <summary>The same, as a folder.</summary>
    public static string KernelFolder => Path.Combine(Folder.Value!, "kernels");

    /// <summary>The stand-in for NVRTC.</summary>
    public static Nvrtc Compiler
    {
        get
        {
            Require();
            return Nvrtc.Open(Path.Combine(Folder.Value!, "libnvrtc.so"));
        }
    }

    private static nint Driver => NativeLibrary.Load(Path.Combine(Folder.Value!, "libcuda.so.1"));

    /// <summary>Skips the test where the emulator cannot be built.</summary>
    public static void Require() => Assert.SkipWhen(Folder.Value is null, "needs g++ on Linux, which builds the emulated card");

    /// <summary>In which order warps, lanes and blocks run, and when a stream's work is done: 0 for one after another and as late as may be.</summary>
    public static void Seed(ulong seed) => ((delegate* unmanaged<ulong, void>)NativeLibrary.GetExport(Driver, "emulator_seed"))(seed);

    /// <summary>Counts memory traffic from now on, from nothing, or no longer.</summary>
    public static void Count(bool on) => ((delegate* unmanaged<int, void>)NativeLibrary.GetExport(Driver, "emulator_count"))(on ? 1 : 0);

    /// <summary>Launches of a kernel so far.</summary>
    public static ulong Launches(string kernel)
    {
        fixed (byte* name = System.Text.Encoding.UTF8.GetBytes(kernel + "\0"))
            return ((delegate* unmanaged<byte*, ulong>)NativeLibrary.GetExport(Driver, "emulator_launches"))(name);
    }

    /// <summary>What a kernel asked of memory while it was counted.</summary>
    public static Traffic TrafficOf(string kernel)
    {
        ulong* numbers = stackalloc ulong[7];
        fixed (byte* name = System.Text.Encoding.UTF8.GetBytes(kernel + "\0"))
            ((delegate* unmanaged<byte*, ulong*, void>)NativeLibrary.GetExport(Driver, "emulator_traffic"))(name, numbers);
        return new Traffic((long)numbers[0], (long)numbers[1], (long)numbers[2], (long)numbers[3], (long)numbers[4], (long)numbers[5], (long)numbers[6]);
    }

    private static string? Build()
    {
        if (!OperatingSystem.IsLinux() || !Runs("g++", "--version"))
            return null;
        string sources = Path.Combine(AppContext.BaseDirectory, "Emulator");
        string[] files = [.. Directory.GetFiles(sources).Order(StringComparer.Ordinal)];
        // Of other sources other libraries, and other kernels: what is kept of either is of these.
        string folder = Path.Combine(AppContext.BaseDirectory, "emulator-" + Convert.ToHexStringLower(SHA256.HashData([.. files.SelectMany(File.ReadAllBytes)]))[..16]);
        if (!File.Exists(Path.Combine(folder, "built")))
        {
            string beside = $"{folder}.{Guid.NewGuid():N}";
            Directory.CreateDirectory(beside);
            foreach (string header in files.Where(file => file.EndsWith(".h", StringComparison.Ordinal)))
                File.Copy(header, Path.Combine(beside, Path.GetFileName(header)));
            foreach ((string source, string library) in new[] { ("cuda.cpp", "libcuda.so.1"), ("nvrtc.cpp", "libnvrtc.so") })
                Assert.True(Runs("g++", $"-std=c++17 -O2 -shared -fPIC -fvisibility=hidden \"{Path.Combine(sources, source)}\" -o \"{Path.Combine(beside, library)}\""), $"{source} does not compile");
            File.WriteAllText(Path.Combine(beside, "built"), "");
            Directory.Move(beside, folder);
        }

        Environment.SetEnvironmentVariable(CudaPlaces.Variable, folder);
        return folder;
    }

    private static bool Runs(string program, string arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false })!;
            process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    /// <summary>Global reads, and shared accesses, of warps.</summary>
    /// <param name="Requests">Global reads.</param>
    /// <param name="Sectors">Sectors of 32 bytes that they touched.</param>
    /// <param name="Bytes">Bytes that they needed.</param>
    /// <param name="SharedRequests">Shared accesses: as many as there would be without conflicts.</param>
    /// <param name="SharedTurns">Turns that banks took to serve them.</param>
    /// <param name="KeptSectors">Sectors that warps touched, each once a warp and block: what a cache that keeps a warp's last sectors asks of the memory.</param>
    /// <param name="KeptBytes">Bytes of those that they needed.</param>
    internal readonly record struct Traffic(long Requests, long Sectors, long Bytes, long SharedRequests, long SharedTurns, long KeptSectors, long KeptBytes);
}
