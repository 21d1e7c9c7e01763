using TailorKV.Planner.Models;
using TailorKV.Runtime.Models;

namespace TailorKV.Runtime.Backends;

/// <summary>The memory that a backend takes for a model's weights, before it takes it.</summary>
/// <param name="DeviceBytes">Device memory that <see cref="Backend.Load(ModelFiles)"/> takes; nothing where weights are multiplied where their files are mapped.</param>
/// <param name="HostBytes">Host memory that it takes.</param>
/// <param name="LaidOutBytes">What plans count for it besides the stored bytes: <see cref="ModelFingerprint.LaidOutBytes"/>.</param>
public readonly record struct WeightMemory(long DeviceBytes, long HostBytes, long LaidOutBytes);
