using System.Runtime.InteropServices;
using TailorKV.Planner;
using TailorKV.Planner.Models;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Numbers;
using TailorKV.Runtime.Weights;

namespace TailorKV.Cuda.Models;

/// <summary>A matrix as it lies on the card: as many bytes as stored, but with the scales of blocks of 32 apart from codes, so that codes are read 16 bytes at a time.</summary>
internal sealed unsafe class CudaMatrix
{
    // Bytes that are rearranged before they go to the card.
    private const int Piece = 16 << 20;

    private readonly StoredTensor _stored;

    /// <summary>Works out its place.</summary>
    /// <param name="stored">The matrix.</param>
    /// <exception cref="UnsupportedModelException">Its rows are no whole number of 16-byte pieces.</exception>
    public CudaMatrix(StoredTensor stored)
    {
        _stored = stored;
        (Rows, Columns) = ((int)stored.Shape[0], (int)stored.Shape[1]);
        Format = stored.Type switch
        {
            WeightType.F32 => DeviceFormat.F32,
            WeightType.F16 => DeviceFormat.F16,
            WeightType.Q8_0 => DeviceFormat.Q8_0,
            WeightType.Q4_0 => DeviceFormat.Q4_0,
            WeightType.Q4_1 => DeviceFormat.Q4_1,
            WeightType.Q4_K => DeviceFormat.Q4_K,
            _ => DeviceFormat.BF16,
        };
        (CodeBytes, ScaleBytes) = Format switch
        {
            DeviceFormat.F32 => (4L * Columns, 0L),
            DeviceFormat.F16 or DeviceFormat.BF16 => (2L * Columns, 0),
            DeviceFormat.Q8_0 => (Columns, Columns / 16),
            DeviceFormat.Q4_0 => (Columns / 2, Columns / 16),
            DeviceFormat.Q4_1 => (Columns / 2, Columns / 8),
            _ => (Columns / 256 * 144L, 0),
        };
        if (CodeBytes % 16 != 0 || Columns % 4 != 0)
        {
            throw new UnsupportedModelException(
                stored.File.Path, $"tensor \"{stored.Name}\" has {Columns} columns of type {stored.Type}, and the kernels read rows 16 bytes at a time", "Run it on the CPU or libtorch");
        }
    }

    /// <summary>Outputs.</summary>
    public int Rows { get; }

    /// <summary>Inputs.</summary>
    public int Columns { get; }

    /// <summary>How it lies there.</summary>
    public DeviceFormat Format { get; }

    /// <summary>Bytes that it takes.</summary>
    public long Bytes => CacheBytes.Align(CodeBytes * Rows) + CacheBytes.Align(ScaleBytes * Rows);

    /// <summary>Where its codes begin, once it has been brought to the card.</summary>
    public nint Codes { get; private set; }

    /// <summary>Where its scales begin.</summary>
    public nint Scales { get; private set; }

    // Of a row.
    private long CodeBytes { get; }

    private long ScaleBytes { get; }

    /// <summary>Brings it to the card.</summary>
    /// <param name="address">Room for <see cref="Bytes"/>.</param>
    /// <param name="stream">Copies it; waited for.</param>
    public void Bring(nint address, Driver.Stream stream)
    {
        (Codes, Scales) = (address, address + (nint)CacheBytes.Align(CodeBytes * Rows));
        int some = (int)Math.Clamp(Piece / Math.Max(1, CodeBytes), 1, Rows);
        var codes = new byte[some * CodeBytes];
        var scales = new byte[some * ScaleBytes];
        using InUse file = _stored.File.Use();
        for (int first = 0; first < Rows; first += some)
        {
            int count = Math.Min(some, Rows - first);
            for (int row = 0; row < count; row++)
                Arrange(first + row, codes.AsSpan((int)(row * CodeBytes), (int)CodeBytes), scales.AsSpan((int)(row * ScaleBytes), (int)ScaleBytes));
            fixed (byte* ofCodes = codes, ofScales = scales)
            {
                stream.CopyToDevice(Codes + (nint)(first * CodeBytes), ofCodes, count * CodeBytes);
                if (ScaleBytes > 0)
                    stream.CopyToDevice(Scales + (nint)(first * ScaleBytes), ofScales, count * ScaleBytes);
            }

            stream.Synchronize();
        }
    }

    private void Arrange(int row, Span<byte> codes, Span<byte> scales)
    {
        WeightFormat format = WeightFormat.Of(_stored.Type);
        long rowBytes = format.ByteLength(Columns);
        ReadOnlySpan<byte> stored = new(_stored.Pointer + (row * rowBytes), (int)rowBytes);
        if (ScaleBytes > 0)
        {
            int blocks = Columns / format.BlockElements, scale = scales.Length / blocks, code = codes.Length / blocks;
            for (int block = 0; block < blocks; block++)
            {
                ReadOnlySpan<byte> one = stored.Slice(block * format.BlockBytes, format.BlockBytes);
                one[..scale].CopyTo(scales[(block * scale)..]);
                one[scale..].CopyTo(codes.Slice(block * code, code));
            }
        }
        else if (rowBytes == codes.Length && _stored.Type.ToString() == Format.ToString())
        {
            stored.CopyTo(codes);
        }
        else
        {
            var numbers = new float[Columns];
            format.Decode(stored, numbers);
            BrainFloat.Narrow(numbers, MemoryMarshal.Cast<byte, ushort>(codes));
        }
    }
}
