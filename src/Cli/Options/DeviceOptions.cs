using System.CommandLine;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Backends.Cpu;
using TailorKV.Torch;

namespace TailorKV.Cli.Options;

/// <summary>The options that say what runs a model.</summary>
internal sealed class DeviceOptions
{
    // A backend is added by a line here.
    private static readonly Dictionary<string, Func<int?, Backend>> Devices = new(StringComparer.Ordinal)
    {
        [CpuBackend.DeviceName] = threads => new CpuBackend(new CpuOptions { Threads = threads }),
        [TorchBackend.DeviceName] = threads => new TorchBackend(new TorchOptions { Threads = threads }),
        [TorchBackend.CudaName] = threads => new TorchBackend(new TorchOptions { Threads = threads, Cuda = true }),
    };

    private readonly Option<string?> _device = new("--device") { Description = $"What runs the model: {Names}. Default: {CpuBackend.DeviceName}.", HelpName = "DEVICE" };
    private readonly CountOption _threads = new("--threads", "Threads of this machine that work at once. Default: one for each processor.", most: CpuOptions.MostThreads);

    public DeviceOptions() => _device.Validators.Add(result =>
    {
        string name = result.Tokens.Count == 0 ? "" : result.Tokens[0].Value;
        if (!Devices.ContainsKey(name))
            result.AddError($"There is no device '{name}' in this release; give --device one of those there are: {Names}.");
    });

    /// <summary>The options.</summary>
    public IEnumerable<Option> All => [_device, _threads];

    private static string Names => string.Join(", ", Devices.Keys);

    /// <summary>Opens what was asked for.</summary>
    public Backend Open(ParseResult parse) => Devices[parse.GetValue(_device) ?? CpuBackend.DeviceName](parse.GetValue(_threads));
}
