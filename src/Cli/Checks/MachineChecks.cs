using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using TailorKV.Cli.Results;
using TailorKV.Planner;
using TailorKV.Planner.Solver;
using TailorKV.Runtime.Memory;

namespace TailorKV.Cli.Checks;

/// <summary>What this machine has of that which the tool can use.</summary>
internal static class MachineChecks
{
    public static IReadOnlyList<DoctorResult.Check> All()
    {
        return
        [
            new DoctorResult.Check("system", $"{RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}", true),
            new DoctorResult.Check(".NET", RuntimeInformation.FrameworkDescription, true),
            new DoctorResult.Check("processor", $"{Environment.ProcessorCount} cores; {Vectors()}", true),
            new DoctorResult.Check("memory free", ByteSize.Format(FreeMemory.Bytes()), true),
            Solver(),
            new DoctorResult.Check("CUDA", CudaDevices.Describe(), true),
        ];
    }

    private static DoctorResult.Check Solver()
    {
        try
        {
            return new DoctorResult.Check("solver", CpSatSolver.Version, true);
        }
        catch (Exception e) when (e is DllNotFoundException or TypeInitializationException or BadImageFormatException)
        {
            return new DoctorResult.Check("solver", $"OR-Tools has no library for {RuntimeInformation.RuntimeIdentifier}: {e.Message}", false);
        }
    }

    private static string Vectors()
    {
        (string Name, bool There)[] sets = RuntimeInformation.ProcessArchitecture == Architecture.Arm64
            ? [("AdvSimd", AdvSimd.IsSupported)]
            : [("AVX2", Avx2.IsSupported), ("FMA", Fma.IsSupported), ("AVX-512", Avx512F.IsSupported)];
        return string.Join(", ", sets.Select(set => set.There ? set.Name : $"no {set.Name}"));
    }
}
