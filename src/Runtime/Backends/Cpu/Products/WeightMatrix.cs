using System.Runtime.CompilerServices;
using TailorKV.Planner;
using TailorKV.Runtime.Backends.Cpu.Kernels;
using TailorKV.Runtime.Backends.Cpu.Panels;
using TailorKV.Runtime.Backends.Cpu.Products.Interleaved;
using TailorKV.Runtime.Backends.Cpu.Threads;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Numbers;
using TailorKV.Runtime.Weights;
using TailorKV.Runtime.Weights.Blocks;

namespace TailorKV.Runtime.Backends.Cpu.Products;

/// <summary>
/// A weight matrix in its stored type, mapped from its file. It is decoded a few rows at a time and never expanded as a whole. Before the first product a matrix of blocks is laid
/// out once more, at about its stored size, so that rows are multiplied sixteen at a time.
/// </summary>
internal sealed unsafe class WeightMatrix
{
    // Up to as many input rows, reading the weights as they lie is sooner than decoding them for all.
    private const int FewRows = 3;

    private readonly StoredTensor _tensor;
    private readonly WorkerPool _pool;
    private readonly WeightFormat _format;
    private readonly InterleavedFormat? _layout;
    private readonly long _rowBytes;
    private readonly RowKernel? _plainRows;
    private readonly Lock _layingOut = new();
    private volatile InterleavedMatrix? _laidOut;

    /// <summary>Takes a matrix from a file.</summary>
    /// <param name="tensor">The matrix as it is stored, [rows, columns].</param>
    /// <param name="pool">The threads that multiply.</param>
    /// <exception cref="InvalidFileException">The tensor has not two dimensions between 1 and 2,147,483,647.</exception>
    public WeightMatrix(StoredTensor tensor, WorkerPool pool)
    {
        if (tensor.Shape.Count != 2 || tensor.Shape.Any(dimension => dimension is < 1 or > int.MaxValue))
            throw new InvalidFileException(tensor.File.Path, $"tensor \"{tensor.Name}\" has the shape {tensor.ShapeText}", "A matrix has two dimensions");
        _tensor = tensor;
        _pool = pool;
        _format = WeightFormat.Of(tensor.Type);
        _layout = InterleavedFormat.Of(tensor.Type);
        Rows = (int)tensor.Shape[0];
        Columns = (int)tensor.Shape[1];
        _rowBytes = _format.ByteLength(Columns);
        _plainRows = tensor.Type switch
        {
            WeightType.F32 => RowKernel.OfSingles(Columns, VectorWidth.Widest),
            WeightType.F16 => RowKernel.OfHalfFloats(Columns, VectorWidth.Widest),
            WeightType.BF16 => RowKernel.OfBrainFloats(Columns, VectorWidth.Widest),
            _ => null,
        };
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

    /// <summary>Bytes that the matrix takes laid out for products; 0 for types that are multiplied as they are stored.</summary>
    internal long LaidOutBytes => LaidOutBytesOf(_tensor);

    /// <summary>The <see cref="LaidOutBytes"/> that a matrix will have.</summary>
    /// <param name="tensor">The matrix as it is stored, [rows, columns].</param>
    internal static long LaidOutBytesOf(StoredTensor tensor) => InterleavedFormat.Of(tensor.Type) is { } layout ? InterleavedMatrix.Bytes(layout, (int)tensor.Shape[0], (int)tensor.Shape[1]) : 0;

    /// <summary>Lays the matrix out for products, if its type asks for it. Without it the first product does it.</summary>
    /// <param name="memory">Where it takes <see cref="LaidOutBytes"/> from.</param>
    internal void LayOut(Arena memory)
    {
        if (_layout is { } layout)
            _laidOut = new InterleavedMatrix(layout, _tensor.Pointer, _rowBytes, Rows, Columns, memory, _pool);
    }

    /// <summary>
    /// output = input x W^T. The result does not depend on the number of threads. Up to three rows of input and more go different ways, whose sums may differ by
    /// rounding; else a row's result does not depend on the others.
    /// </summary>
    /// <param name="input">[<paramref name="count"/>, <see cref="Columns"/>].</param>
    /// <param name="count">Rows of <paramref name="input"/>.</param>
    /// <param name="output">[<paramref name="count"/>, <see cref="Rows"/>].</param>
    /// <exception cref="ArgumentException">A span is shorter than its shape.</exception>
    /// <exception cref="ObjectDisposedException">The file has been closed.</exception>
    public void Multiply(ReadOnlySpan<float> input, int count, Span<float> output)
    {
        CheckLengths(input, count, output);
        if (count <= FewRows)
        {
            MultiplyFew(input, count, this, output, null, [], null, []);
            return;
        }

        using InUse file = _tensor.File.Use(), laidOut = LayOut();
        byte* weights = _tensor.Pointer;
        fixed (float* from = input, to = output)
        {
            PanelProduct work = new(_format, weights, _laidOut, Rows, Columns, from, count, to, _pool.Threads, PanelKernel.Widest);
            _pool.Run(work.Parts, work);
        }
    }

    /// <summary>The products of one input with two or three matrices: of few rows, which are done in no time, the threads take the parts of all together.</summary>
    /// <param name="input">[<paramref name="count"/>, columns].</param>
    /// <param name="count">Rows of <paramref name="input"/>.</param>
    /// <param name="first">A matrix.</param>
    /// <param name="firstOutput">[<paramref name="count"/>, its rows].</param>
    /// <param name="second">Another.</param>
    /// <param name="secondOutput">[<paramref name="count"/>, its rows].</param>
    /// <param name="third">A third, or null.</param>
    /// <param name="thirdOutput">[<paramref name="count"/>, its rows], or empty.</param>
    /// <exception cref="ArgumentException">A span is shorter than its shape.</exception>
    /// <exception cref="ObjectDisposedException">The file has been closed.</exception>
    public static void Multiply(
        ReadOnlySpan<float> input, int count, WeightMatrix first, Span<float> firstOutput, WeightMatrix second, Span<float> secondOutput, WeightMatrix? third = null,
        Span<float> thirdOutput = default)
    {
        if (count > FewRows)
        {
            first.Multiply(input, count, firstOutput);
            second.Multiply(input, count, secondOutput);
            third?.Multiply(input, count, thirdOutput);
            return;
        }

        first.CheckLengths(input, count, firstOutput);
        second.CheckLengths(input, count, secondOutput);
        third?.CheckLengths(input, count, thirdOutput);
        MultiplyFew(input, count, first, firstOutput, second, secondOutput, third, thirdOutput);
    }

    [SkipLocalsInit]
    private static void MultiplyFew(
        ReadOnlySpan<float> input, int count, WeightMatrix first, Span<float> firstOutput, WeightMatrix? second, Span<float> secondOutput, WeightMatrix? third,
        Span<float> thirdOutput)
    {
        using InUse file1 = first._tensor.File.Use(), rows1 = first.LayOut();
        using InUse file2 = second is null ? default : second._tensor.File.Use(), rows2 = second is null ? default : second.LayOut();
        using InUse file3 = third is null ? default : third._tensor.File.Use(), rows3 = third is null ? default : third.LayOut();
        bool allPlain = first._plainRows is not null && second is not { _plainRows: null } && third is not { _plainRows: null };
        int numbers = allPlain ? 0 : count * first.Columns;
        using Scratch<byte> room = new(stackalloc byte[Scratch<byte>.Little], RoundedInput.Room(numbers));
        fixed (byte* roomStart = room.Span)
        fixed (float* from = input, to1 = firstOutput, to2 = secondOutput, to3 = thirdOutput)
        {
            var rounded = RoundedInput.Of(from, numbers, roomStart);
            int partRows = Products.PartRows(first.Rows + (second?.Rows ?? 0) + (third?.Rows ?? 0), first.Columns, first._pool.Threads);
            ProductsTogether work = new(
                new Products(first, from, rounded, count, to1, partRows), second is null ? default : new Products(second, from, rounded, count, to2, partRows),
                third is null ? default : new Products(third, from, rounded, count, to3, partRows));
            first._pool.Run(work.Parts, work);
        }
    }

    /// <summary>Lays the matrix out if it has not been.</summary>
    /// <returns>The use of what was laid out.</returns>
    private InUse LayOut()
    {
        if (_layout is null)
            return default;
        if (_laidOut is null)
        {
            lock (_layingOut)
            {
                if (_laidOut is null)
                    LayOut(new Arena(Name, LaidOutBytes));
            }
        }

        return _laidOut!.Use();
    }

    private void CheckLengths(ReadOnlySpan<float> input, int count, ReadOnlySpan<float> output)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (input.Length < (long)count * Columns || output.Length < (long)count * Rows)
            throw new ArgumentException($"\"{Name}\" [{Rows}, {Columns}] takes {count} rows from {input.Length} elements to {output.Length}", nameof(count));
    }

    /// <summary>Products of a few rows of input, some of the weights' rows a part.</summary>
    private readonly struct Products(WeightMatrix matrix, float* input, RoundedInput rounded, int count, float* output, int partRows) : IWork
    {
        // Few, since each begins with memory that was not asked for ahead, and enough for threads that are held up to be helped out.
        private const int ThreadParts = 4;

        // A microsecond of work or more: less is not worth handing out.
        private const int LeastWeights = 1 << 15;

        /// <summary>Rows of a part, whole sixteens.</summary>
        /// <param name="rows">Rows of all matrices that are multiplied together.</param>
        /// <param name="columns">Numbers of a row.</param>
        /// <param name="threads">Threads that work.</param>
        public static int PartRows(int rows, int columns, int threads)
        {
            int sixteens = (rows + SixteenRows.Count - 1) / SixteenRows.Count, parts = ThreadParts * threads;
            return SixteenRows.Count * Math.Max((sixteens + parts - 1) / parts, LeastWeights / columns / SixteenRows.Count);
        }

        public int Parts => partRows == 0 ? 0 : (matrix.Rows + partRows - 1) / partRows;

        public void Run(int part)
        {
            int first = part * partRows, rows = Math.Min(partRows, matrix.Rows - first);
            if (matrix._laidOut is not { } laidOut)
            {
                matrix._plainRows!.Dots(matrix._tensor.Pointer + (first * matrix._rowBytes), rows, input, count, output + first, matrix.Rows);
                return;
            }

            for (int i = 0; i < count; i++)
                laidOut.Dots(first, rows, rounded.From((nint)i * matrix.Columns), output + ((nint)i * matrix.Rows) + first);
        }
    }

    private readonly struct ProductsTogether(Products first, Products second, Products third) : IWork
    {
        public int Parts => first.Parts + second.Parts + third.Parts;

        public void Run(int part)
        {
            if (part < first.Parts)
                first.Run(part);
            else if ((part -= first.Parts) < second.Parts)
                second.Run(part);
            else
                third.Run(part - second.Parts);
        }
    }
}
