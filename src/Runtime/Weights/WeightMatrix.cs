using System.Runtime.CompilerServices;
using TailorKV.Planner;
using TailorKV.Runtime.Cache.Kernels;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Threads;

namespace TailorKV.Runtime.Weights;

/// <summary>A weight matrix in its stored type, mapped from its file. It is decoded a few rows at a time and never expanded as a whole.</summary>
public sealed unsafe class WeightMatrix
{
    // 12 rows (a multiple of the kernel's 3 and 6) of at most 1,024 columns: 48 KiB of stack.
    private const int TileRows = 12;
    private const int TileColumns = 1024;

    // Parallel.For costs some microseconds; below this many multiply-adds the calling thread is done sooner.
    private const long ParallelWork = 1 << 18;
    private const long ChunkWork = 1 << 16;

    // Up to as many input rows, reading the weights as they lie is sooner than decoding them for all.
    private const int FewRows = 3;

    private readonly StoredTensor _tensor;
    private readonly WeightFormat _format;
    private readonly long _rowBytes;
    private readonly int _blockColumns;
    private readonly RowKernel? _plainRows;

    /// <summary>Takes a matrix from a file.</summary>
    /// <exception cref="InvalidFileException">The tensor has not two dimensions between 1 and 2,147,483,647.</exception>
    public WeightMatrix(StoredTensor tensor)
    {
        if (tensor.Shape.Count != 2 || tensor.Shape.Any(dimension => dimension is < 1 or > int.MaxValue))
            throw new InvalidFileException(tensor.File.Path, $"tensor \"{tensor.Name}\" has the shape {tensor.ShapeText}", "A matrix has two dimensions");
        _tensor = tensor;
        _format = WeightFormat.Of(tensor.Type);
        Rows = (int)tensor.Shape[0];
        Columns = (int)tensor.Shape[1];
        _rowBytes = _format.ByteLength(Columns);
        _plainRows = tensor.Type switch
        {
            WeightType.F32 => RowKernel.OfSingles(Columns, RowKernel.Widest),
            WeightType.F16 => RowKernel.OfHalfFloats(Columns, RowKernel.Widest),
            WeightType.BF16 => RowKernel.OfBrainFloats(Columns, RowKernel.Widest),
            _ => null,
        };
        long blocks = (Columns + TileColumns - 1L) / TileColumns;
        _blockColumns = blocks == 1 ? Columns : (int)(((Columns + blocks - 1) / blocks + 255) / 256 * 256);
    }

    /// <summary>The tensor's name in its file.</summary>
    public string Name => _tensor.Name;

    /// <summary>The type the elements are stored in.</summary>
    public WeightType Type => _tensor.Type;

    /// <summary>Rows: the length of a product.</summary>
    public int Rows { get; }

    /// <summary>Columns: the length of an input.</summary>
    public int Columns { get; }

    /// <summary>The stored length in bytes.</summary>
    public long ByteLength => _tensor.ByteLength;

    /// <summary>The stored tensor.</summary>
    public StoredTensor Tensor => _tensor;

    /// <summary>Decodes one row.</summary>
    /// <param name="row">0 to <see cref="Rows"/> - 1.</param>
    /// <param name="destination">[<see cref="Columns"/>].</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such row.</exception>
    /// <exception cref="ArgumentException"><paramref name="destination"/> is too short.</exception>
    /// <exception cref="ObjectDisposedException">The file has been closed.</exception>
    public void DecodeRow(int row, Span<float> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(row);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(row, Rows);
        fixed (float* start = destination[..Columns])
            _format.Decode(_tensor.Pointer + row * _rowBytes, start, Columns);
    }

    /// <summary>
    /// output = input x W^T. The result does not depend on the number of threads. Up to three rows of input and more go different ways, whose sums may differ by
    /// rounding; else a row's result does not depend on the others.
    /// </summary>
    /// <param name="input">[<paramref name="count"/>, <see cref="Columns"/>].</param>
    /// <param name="count">Rows of <paramref name="input"/>.</param>
    /// <param name="output">[<paramref name="count"/>, <see cref="Rows"/>].</param>
    /// <param name="threads">Threads at most; -1 means as many as the machine has.</param>
    /// <exception cref="ArgumentException">A span is shorter than its shape.</exception>
    /// <exception cref="ObjectDisposedException">The file has been closed.</exception>
    public void Multiply(ReadOnlySpan<float> input, int count, Span<float> output, int threads = -1)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (input.Length < (long)count * Columns || output.Length < (long)count * Rows)
            throw new ArgumentException($"\"{Name}\" [{Rows}, {Columns}] takes {count} rows from {input.Length} elements to {output.Length}", nameof(count));
        byte* weights = _tensor.Pointer;
        long rowWork = (long)Columns * Math.Max(count, 1);
        fixed (float* inputStart = input)
        fixed (float* outputStart = output)
        {
            if (count <= FewRows)
            {
                MultiplyFew(new Products(this, weights, inputStart, count, outputStart), threads);
                return;
            }

            if (threads == 1 || Rows * rowWork < ParallelWork)
            {
                MultiplyRows(weights, 0, Rows, inputStart, count, outputStart);
                return;
            }
            float* from = inputStart;
            float* to = outputStart;
            int chunk = (int)Math.Min((ChunkWork / rowWork + TileRows) / TileRows * TileRows, Rows);
            Parallel.For(0, (Rows + chunk - 1) / chunk, new ParallelOptions { MaxDegreeOfParallelism = threads }, i =>
                MultiplyRows(weights, i * chunk, Math.Min(Rows, (i + 1) * chunk), from, count, to));
        }
    }

    private void MultiplyFew(Products products, int threads)
    {
        if (threads == 1)
        {
            for (int part = 0; part < products.Parts; part++)
                products.Run(part);
        }
        else
        {
            WorkerPool.Shared.Run(products.Parts, products);
        }
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void MultiplyRows(byte* weights, int firstRow, int endRow, float* input, int count, float* output)
    {
        float* decoded = stackalloc float[TileRows * TileColumns];
        for (int row = firstRow; row < endRow; row += TileRows)
        {
            int rows = Math.Min(TileRows, endRow - row);
            for (int column = 0; column < Columns; column += _blockColumns)
            {
                int columns = Math.Min(_blockColumns, Columns - column);
                byte* source = weights + row * _rowBytes + _format.ByteLength(column);
                float* tile = (float*)source;
                int stride = Columns;
                if (Type != WeightType.F32)
                {
                    tile = decoded;
                    stride = columns;
                    for (int i = 0; i < rows; i++)
                        _format.Decode(source + i * _rowBytes, decoded + i * columns, columns);
                }
                MatrixKernel.Multiply(input + column, count, Columns, tile, rows, stride, columns, output + row, Rows, add: column > 0);
            }
        }
    }

    /// <summary>Products of a few rows of input, some of the weights' rows a part.</summary>
    private readonly struct Products(WeightMatrix matrix, byte* weights, float* input, int count, float* output) : IWork
    {
        // Some microseconds of work.
        private const int PartWeights = 1 << 16;

        private readonly int _partRows = Math.Max(4, PartWeights / matrix.Columns / 4 * 4);

        public int Parts => (matrix.Rows + _partRows - 1) / _partRows;

        public void Run(int part)
        {
            int first = part * _partRows, rows = Math.Min(_partRows, matrix.Rows - first);
            byte* from = weights + first * matrix._rowBytes;
            if (matrix._plainRows is { } plain)
            {
                plain.Dots(from, rows, input, count, output + first, matrix.Rows);
                return;
            }

            for (int i = 0; i < count; i++)
                matrix._format.Dots(from, rows, matrix.Columns, input + (nint)i * matrix.Columns, output + (nint)i * matrix.Rows + first, RowKernel.Widest);
        }
    }
}
