using TailorKV.Planner.Models;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Memory;
using TailorKV.Torch.Link;
using TailorKV.Torch.Memory;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache;

/// <summary>What a layer's cache is made for, and of.</summary>
/// <param name="Layer">The layer's shape.</param>
/// <param name="Context">The most tokens it can hold.</param>
/// <param name="Device">Where device buffers come from.</param>
/// <param name="Host">Where host buffers come from.</param>
/// <param name="Staging">Where device buffers come from that are needed only while the layer runs or is loaded, and that other layers overwrite.</param>
/// <param name="Place">The device that it runs on.</param>
/// <param name="Link">What brings rows from the host to it.</param>
/// <param name="SoftCap">Where a score s becomes cap * tanh(s / cap), the cap; else null.</param>
/// <param name="Calibration">What is known of the layer's queries, keys and values; null where the policy does not need it.</param>
internal sealed record CacheRequest(LayerShape Layer, int Context, TorchArena Device, Arena Host, TorchArena Staging, Device Place, HostLink Link, float? SoftCap, KeyCalibration? Calibration);
