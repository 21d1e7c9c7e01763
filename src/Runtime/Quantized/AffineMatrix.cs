using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Weights;

namespace TailorKV.Runtime.Quantized;

/// <summary>A matrix of integers q with a scale s and a zero z for each group of a row's inputs: (q - z) * s. It is laid out in blocks of the same numbers: codes, s, and -z * s, which is exact for scales of half precision.</summary>
/// <param name="rows">Outputs.</param>
/// <param name="columns">Inputs.</param>
/// <param name="bits">Bits of a code: 4 or 8.</param>
/// <param name="groupSize">Inputs that share a scale.</param>
/// <param name="groupOf">The group of each input, or null where groups follow each other.</param>
internal abstract class AffineMatrix(int rows, int columns, int bits, int groupSize, int[]? groupOf)
{
    private const int ShortBlock = 32, LongBlock = 128, RowsTogether = 16;

    /// <summary>Groups of a row.</summary>
    public static int Groups(int columns, int groupSize) => (columns + groupSize - 1) / groupSize;

    /// <summary>The code of an input for an output.</summary>
    protected abstract int Code(int row, int column);

    /// <summary>The scale and the zero of a group.</summary>
    protected abstract (float Scale, int Zero) Factors(int row, int group);

    /// <summary>Writes the matrix.</summary>
    /// <param name="module">Whose it is.</param>
    public unsafe StoredTensor LayOut(ModuleTensors module)
    {
        WeightType type = Type(module);
        StoredTensor matrix = module.NewMatrix(type, rows, columns);
        byte* start = matrix.Pointer;
        long rowBytes = WeightFormat.Of(type).ByteLength(columns);
        Parallel.For(0, (rows + RowsTogether - 1) / RowsTogether, part =>
        {
            int first = part * RowsTogether, count = Math.Min(RowsTogether, rows - first);
            byte[] codes = new byte[count * columns];
            // Outputs lie side by side in most formats.
            for (int column = 0; column < columns; column++)
            {
                for (int row = 0; row < count; row++)
                    codes[(row * columns) + column] = (byte)Code(first + row, column);
            }

            for (int row = 0; row < count; row++)
                Write(type, first + row, codes.AsSpan(row * columns, columns), new Span<byte>(start + ((first + row) * rowBytes), (int)rowBytes));
        });
        return matrix;
    }

    private WeightType Type(ModuleTensors module)
    {
        if (groupOf is not null)
            module.RemarkExpanded("matrices whose groups do not follow each other (activation order)");
        else if (columns % LongBlock == 0 && (groupSize % LongBlock == 0 || groupSize >= columns))
            return bits == 4 ? WeightType.I4_128 : WeightType.I8_128;
        else if (columns % ShortBlock == 0 && (groupSize % ShortBlock == 0 || groupSize >= columns))
            return bits == 4 ? WeightType.I4_32 : WeightType.I8_32;
        else
            module.RemarkExpanded($"matrices whose inputs or groups are no multiples of {ShortBlock}");
        return WeightType.F32;
    }

    private void Write(WeightType type, int row, ReadOnlySpan<byte> codes, Span<byte> to)
    {
        if (type == WeightType.F32)
        {
            for (int column = 0; column < columns; column++, to = to[4..])
            {
                (float scale, int zero) = Factors(row, groupOf?[column] ?? (column / groupSize));
                BitConverter.TryWriteBytes(to, (codes[column] - zero) * scale);
            }

            return;
        }

        WeightFormat format = WeightFormat.Of(type);
        for (int first = 0; first < columns; first += format.BlockElements, to = to[format.BlockBytes..])
        {
            (float scale, int zero) = Factors(row, first / groupSize);
            ReadOnlySpan<byte> block = codes.Slice(first, format.BlockElements);
            BitConverter.TryWriteBytes(to, scale);
            // Codes of 8 bits become signed bytes.
            BitConverter.TryWriteBytes(to[4..], ((bits == 8 ? 128 : 0) - zero) * scale);
            for (int i = 0; i < block.Length; i++)
            {
                if (bits == 8)
                    to[8 + i] = (byte)(block[i] ^ 128);
                else
                    to[8 + (i / 32 * 16) + (i % 16)] |= (byte)(i % 32 < 16 ? block[i] : block[i] << 4);
            }
        }
    }
}
