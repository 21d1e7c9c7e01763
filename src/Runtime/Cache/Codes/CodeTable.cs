using System.Numerics.Tensors;

namespace TailorKV.Runtime.Cache.Codes;

/// <summary>
/// Packs codes side by side in bytes, the lowest bits of a byte first, and unpacks them into the levels they stand for by looking several codes up at
/// once. 3 bits lie as a plane of each code's lower 2 bits and, after it, a plane of the upper one, so that every plane reads in whole bytes.
/// </summary>
internal sealed class CodeTable
{
    private readonly int _bits;
    private readonly float[] _levels;
    private readonly float[] _table;

    /// <summary>Makes a table.</summary>
    /// <param name="bits">Bits of a code: 1, 2, 3, 4 or 8.</param>
    /// <param name="levels">What each code stands for, [2^bits].</param>
    public CodeTable(int bits, float[] levels)
    {
        (_bits, _levels) = (bits, levels);
        // Entries of a whole byte; of 3 bits, of four codes: a byte of the lower plane and half a byte of the upper.
        int entries = bits == 3 ? 1 << 12 : 1 << 8;
        PerEntry = bits == 3 ? 4 : 8 / bits;
        _table = new float[entries * PerEntry];
        for (int entry = 0; entry < entries; entry++)
        {
            for (int i = 0; i < PerEntry; i++)
            {
                int code = bits == 3
                    ? ((entry >> (2 * i)) & 3) | (((entry >> (8 + i)) & 1) << 2)
                    : (entry >> (i * bits)) & ((1 << bits) - 1);
                _table[(entry * PerEntry) + i] = levels[code];
            }
        }
    }

    private int PerEntry { get; }

    /// <summary>A table whose levels are the codes themselves.</summary>
    public static CodeTable Integers(int bits) => new(bits, [.. Enumerable.Range(0, 1 << bits).Select(code => (float)code)]);

    /// <summary>Packs codes, one a byte.</summary>
    /// <param name="codes">The codes.</param>
    /// <param name="packed">As many bytes as they take; bits past the last code become zero.</param>
    public void Pack(ReadOnlySpan<byte> codes, Span<byte> packed)
    {
        packed.Clear();
        for (int i = 0; i < codes.Length; i++)
        {
            if (_bits == 3)
            {
                packed[i / 4] |= (byte)((codes[i] & 3) << (i % 4 * 2));
                packed[UpperPlane(codes.Length) + (i / 8)] |= (byte)((codes[i] >> 2) << (i % 8));
            }
            else
            {
                packed[i / PerEntry] |= (byte)(codes[i] << (i % PerEntry * _bits));
            }
        }
    }

    /// <summary>Unpacks as many levels as <paramref name="values"/> holds: all that were packed at once.</summary>
    public void Unpack(ReadOnlySpan<byte> packed, Span<float> values)
    {
        if (_bits == 8 && _levels[255] == 255)
        {
            TensorPrimitives.ConvertTruncating<byte, float>(packed[..values.Length], values);
            return;
        }

        int whole = values.Length / PerEntry;
        ReadOnlySpan<byte> upper = _bits == 3 ? packed[UpperPlane(values.Length)..] : default;
        for (int i = 0; i < whole; i++)
        {
            int entry = _bits == 3 ? packed[i] | (((upper[i / 2] >> (i % 2 * 4)) & 15) << 8) : packed[i];
            _table.AsSpan(entry * PerEntry, PerEntry).CopyTo(values.Slice(i * PerEntry, PerEntry));
        }

        for (int i = whole * PerEntry; i < values.Length; i++)
            values[i] = Level(packed, values.Length, i);
    }

    /// <summary>One level: the plain twin of <see cref="Unpack"/>.</summary>
    /// <param name="packed">The bytes.</param>
    /// <param name="count">Codes that were packed at once.</param>
    /// <param name="index">Which.</param>
    public float Level(ReadOnlySpan<byte> packed, int count, int index) => _levels[_bits == 3
        ? ((packed[index / 4] >> (index % 4 * 2)) & 3) | (((packed[UpperPlane(count) + (index / 8)] >> (index % 8)) & 1) << 2)
        : (packed[index / PerEntry] >> (index % PerEntry * _bits)) & ((1 << _bits) - 1)];

    private static int UpperPlane(int count) => (count + 3) / 4;
}
