using System.Runtime.InteropServices;
using TailorKV.Cli.Results;
using TailorKV.Planner;
using TailorKV.Planner.Solver;
using TailorKV.Runtime.Backends;
using TailorKV.Torch;

namespace TailorKV.Cli.Checks;

/// <summary>What this machine has of that which the tool can use.</summary>
internal static class MachineChecks
{
    public static IReadOnlyList<DoctorResult.Check> All(Backend backend)
    {
        return
        [
            new DoctorResult.Check("system", $"{RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}", true),
            new DoctorResult.Check(".NET", RuntimeInformation.FrameworkDescription, true),
            new DoctorResult.Check("device", $"{backend.Name}: {backend.Description}", true),
            new DoctorResult.Check("memory free", ByteSize.Format(backend.FreeDeviceBytes), true),
            Solver(),
            new DoctorResult.Check("libtorch", TorchBackend.Describe(), true),
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
}
