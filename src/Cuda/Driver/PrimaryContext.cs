using System.Runtime.InteropServices;
using System.Text;
using TailorKV.Planner;

namespace TailorKV.Cuda.Driver;

/// <summary>A card's primary context, which CUDA's runtime, and so libtorch, uses too.</summary>
internal sealed class PrimaryContext : SafeHandle
{
    private const int Multiprocessors = 16, MajorCapability = 75, MinorCapability = 76, NameLength = 128;

    private readonly int _device;

    /// <summary>Takes hold of it.</summary>
    /// <param name="ordinal">Which card, from 0.</param>
    /// <exception cref="TailorKVException">There is no driver, or no such card.</exception>
    public PrimaryContext(int ordinal)
        : base(0, ownsHandle: true)
    {
        DriverPath = DriverApi.Load();
        DriverCall.Check(DriverApi.DeviceGetCount(out int count), "count the cards");
        if (ordinal < 0 || ordinal >= count)
            throw new TailorKVException($"there is no CUDA card {ordinal}: the driver finds {count}", count == 0 ? "Look whether nvidia-smi shows one, or use --device cpu" : $"Ask for one of 0 to {count - 1}");
        DriverCall.Check(DriverApi.DeviceGet(out _device, ordinal), $"open card {ordinal}");
        DriverCall.Check(DriverApi.DriverGetVersion(out int version), "ask the driver's version");
        DriverCall.Check(DriverApi.DeviceTotalMem(out nuint bytes, _device), "ask the card's memory");
        (DriverVersion, TotalBytes) = (version, (long)bytes);
        (Processors, Capability) = (Attribute(Multiprocessors), (Attribute(MajorCapability), Attribute(MinorCapability)));
        Name = ReadName();
        DriverCall.Check(DriverApi.PrimaryContextRetain(out nint context, _device), $"open the context of card {ordinal}");
        SetHandle(context);
        Use();
    }

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <summary>Where the driver was found.</summary>
    public string DriverPath { get; }

    /// <summary>The newest version of CUDA that the driver knows: 1000 times the major one, plus 10 times the minor one.</summary>
    public int DriverVersion { get; }

    /// <summary>The card's name.</summary>
    public string Name { get; }

    /// <summary>The card's bytes.</summary>
    public long TotalBytes { get; }

    /// <summary>Streaming multiprocessors.</summary>
    public int Processors { get; }

    /// <summary>The compute capability, as 8.6.</summary>
    public (int Major, int Minor) Capability { get; }

    /// <summary>Bytes of the card that are free.</summary>
    public long FreeBytes
    {
        get
        {
            Use();
            DriverCall.Check(DriverApi.MemoryInfo(out nuint free, out _), "say how much memory is free");
            return (long)free;
        }
    }

    /// <summary>Makes it the calling thread's.</summary>
    public void Use() => DriverCall.Check(DriverApi.ContextSetCurrent(handle), "use the card's context");

    /// <summary>The same, where a failure is not worth a word.</summary>
    public bool TryUse() => DriverApi.ContextSetCurrent(handle) == 0;

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => DriverApi.PrimaryContextRelease(_device) == 0;

    private int Attribute(int attribute)
    {
        DriverCall.Check(DriverApi.DeviceGetAttribute(out int value, attribute, _device), "describe the card");
        return value;
    }

    private unsafe string ReadName()
    {
        byte* name = stackalloc byte[NameLength];
        DriverCall.Check(DriverApi.DeviceGetName(name, NameLength, _device), "name the card");
        return Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(name));
    }
}
