using System.Text;
using TailorKV.Runtime.Weights;

namespace TailorKV.Runtime.Tests.Formats;

/// <summary>Writes small GGUF files.</summary>
internal sealed class GgufWriter
{
    private static readonly Type[] Kinds =
    [
        typeof(byte), typeof(sbyte), typeof(ushort), typeof(short), typeof(uint), typeof(int), typeof(float), typeof(bool), typeof(string), typeof(Array),
        typeof(ulong), typeof(long), typeof(double),
    ];

    private readonly List<(string Name, uint Type, long[] Shape, byte[] Data)> _tensors = [];

    public uint Version { get; init; } = 3;

    public int Alignment { get; init; } = 32;

    public Dictionary<string, object> Metadata { get; } = [];

    /// <summary>Adds a tensor; <paramref name="shape"/> is outermost first.</summary>
    public GgufWriter Add(string name, uint type, long[] shape, byte[] data)
    {
        _tensors.Add((name, type, shape, data));
        return this;
    }

    public GgufWriter Add(string name, WeightType type, long[] shape, byte[] data) => Add(name, Number(type), shape, data);

    public static uint Number(WeightType type) => type switch
    {
        WeightType.F32 => 0,
        WeightType.F16 => 1,
        WeightType.Q4_0 => 2,
        WeightType.Q4_1 => 3,
        WeightType.Q5_0 => 6,
        WeightType.Q5_1 => 7,
        WeightType.Q8_0 => 8,
        WeightType.Q4_K => 12,
        WeightType.Q5_K => 13,
        WeightType.Q6_K => 14,
        WeightType.BF16 => 30,
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    public byte[] ToBytes()
    {
        MemoryStream stream = new();
        using BinaryWriter writer = new(stream);
        writer.Write("GGUF"u8);
        writer.Write(Version);
        writer.Write((ulong)_tensors.Count);
        writer.Write((ulong)Metadata.Count);
        foreach ((string key, object value) in Metadata)
        {
            Write(writer, key);
            writer.Write(Kind(value.GetType()));
            WriteValue(writer, value);
        }
        long offset = 0;
        foreach ((string name, uint type, long[] shape, byte[] data) in _tensors)
        {
            Write(writer, name);
            writer.Write((uint)shape.Length);
            foreach (long dimension in shape.Reverse())
                writer.Write(dimension);
            writer.Write(type);
            writer.Write(offset);
            offset = Align(offset + data.Length);
        }
        foreach ((_, _, _, byte[] data) in _tensors)
        {
            writer.Write(new byte[Align(stream.Length) - stream.Length]);
            writer.Write(data);
        }
        return stream.ToArray();
    }

    private long Align(long offset) => (offset + Alignment - 1) / Alignment * Alignment;

    private static uint Kind(Type type) => (uint)Array.IndexOf(Kinds, type.IsArray ? typeof(Array) : type);

    private static void Write(BinaryWriter writer, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        writer.Write((ulong)bytes.Length);
        writer.Write(bytes);
    }

    private static void WriteValue(BinaryWriter writer, object value)
    {
        switch (value)
        {
            case string text:
                Write(writer, text);
                break;
            case Array array:
                writer.Write(Kind(array.GetType().GetElementType()!));
                writer.Write((ulong)array.Length);
                foreach (object element in array)
                    WriteValue(writer, element);
                break;
            default:
                ((Action)(value switch
                {
                    byte number => () => writer.Write(number),
                    sbyte number => () => writer.Write(number),
                    ushort number => () => writer.Write(number),
                    short number => () => writer.Write(number),
                    uint number => () => writer.Write(number),
                    int number => () => writer.Write(number),
                    float number => () => writer.Write(number),
                    bool number => () => writer.Write(number),
                    ulong number => () => writer.Write(number),
                    long number => () => writer.Write(number),
                    double number => () => writer.Write(number),
                    _ => throw new ArgumentOutOfRangeException(nameof(value)),
                }))();
                break;
        }
    }
}
