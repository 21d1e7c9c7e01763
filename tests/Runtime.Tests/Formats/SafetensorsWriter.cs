using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using TailorKV.Runtime.Weights;

namespace TailorKV.Runtime.Tests.Formats;

/// <summary>Writes small safetensors files.</summary>
internal sealed class SafetensorsWriter
{
    private readonly List<byte> _data = [];

    /// <summary>The header, open to damage.</summary>
    public JsonObject Header { get; } = new() { ["__metadata__"] = new JsonObject { ["format"] = "pt" } };

    public SafetensorsWriter Add(string name, string type, long[] shape, byte[] data)
    {
        Header[name] = new JsonObject
        {
            ["dtype"] = type,
            ["shape"] = new JsonArray([.. shape.Select(dimension => (JsonNode)dimension)]),
            ["data_offsets"] = new JsonArray(_data.Count, _data.Count + data.Length),
        };
        _data.AddRange(data);
        return this;
    }

    public SafetensorsWriter Add(string name, WeightType type, long[] shape, float[] values) => Add(name, type.ToString(), shape, Encode(type, values));

    public byte[] ToBytes()
    {
        byte[] header = Encoding.UTF8.GetBytes(Header.ToJsonString());
        return [.. BitConverter.GetBytes((ulong)header.Length), .. header, .. _data];
    }

    /// <summary>Numbers as F32, F16, BF16 (cut, not rounded) or Q8_0.</summary>
    public static byte[] Encode(WeightType type, float[] values) => type switch
    {
        WeightType.F32 => MemoryMarshal.AsBytes(values.AsSpan()).ToArray(),
        WeightType.F16 => [.. values.SelectMany(value => BitConverter.GetBytes((Half)value))],
        WeightType.BF16 => [.. values.SelectMany(value => BitConverter.GetBytes(value)[2..])],
        WeightType.Q8_0 => [.. values.Chunk(32).SelectMany(Block)],
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    private static byte[] Block(float[] values)
    {
        float scale = values.Max(Math.Abs) / 127;
        return [.. BitConverter.GetBytes((Half)scale), .. values.Select(value => (byte)(sbyte)(scale == 0 ? 0 : MathF.Round(value / scale)))];
    }
}
