using TailorKV.Planner.Models;
using TailorKV.Runtime.Backends.Cpu.Threads;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Weights.Blocks;

namespace TailorKV.Runtime.Backends.Cpu.Products.Interleaved;

/// <summary>A weight matrix whose rows are interleaved sixteen at a time, as products read them.</summary>
internal sealed unsafe class InterleavedMatrix
{
    private readonly InterleavedFormat _format;
    private readonly Arena _memory;
    private readonly byte* _start;
    private readonly int _rows;
    private readonly int _columns;

    /// <summary>Lays a matrix out.</summary>
    /// <param name="format">How.</param>
    /// <param name="stored">Its rows as stored.</param>
    /// <param name="rowBytes">Bytes of one of them.</param>
    /// <param name="rows">How many.</param>
    /// <param name="columns">Numbers of a row, whole blocks.</param>
    /// <param name="memory">Where it takes <see cref="Bytes"/> from.</param>
    /// <param name="pool">The threads that do it.</param>
    public InterleavedMatrix(InterleavedFormat format, byte* stored, long rowBytes, int rows, int columns, Arena memory, WorkerPool pool)
    {
        (_format, _rows, _columns, _memory) = (format, rows, columns, memory);
        _start = memory.TakeBytes(Bytes(format, rows, columns));
        pool.Run(Sixteens(rows), new Work(this, stored, rowBytes));
    }

    /// <summary>Keeps the memory until what is returned is disposed, even if it is given back meanwhile. Products are made within.</summary>
    /// <exception cref="ObjectDisposedException">It has been given back.</exception>
    public InUse Use() => new(_memory);

    /// <summary>Bytes that a matrix takes.</summary>
    public static long Bytes(InterleavedFormat format, int rows, int columns) => CacheBytes.Align(Sixteens(rows) * format.Bytes(columns));

    /// <summary>dots[row] = row . input.</summary>
    /// <param name="first">The first row, of a sixteen.</param>
    /// <param name="count">Rows.</param>
    /// <param name="input">[columns].</param>
    /// <param name="dots">[count].</param>
    public void Dots(int first, int count, RoundedInput input, float* dots)
    {
        int whole = count / SixteenRows.Count, left = count % SixteenRows.Count;
        _format.Dots(Sixteen(first), whole, _columns, input, dots);
        if (left == 0)
            return;
        float* all = stackalloc float[SixteenRows.Count];
        _format.Dots(Sixteen(first + count - left), 1, _columns, input, all);
        new ReadOnlySpan<float>(all, left).CopyTo(new Span<float>(dots + count - left, left));
    }

    /// <summary>Decodes sixteen rows, or those that there are, to as many columns of a panel.</summary>
    /// <param name="first">The first row, of a sixteen.</param>
    /// <param name="column">The first number of each row, of a block.</param>
    /// <param name="depth">Numbers of each, whole blocks.</param>
    /// <param name="panel">The first of sixteen columns in it.</param>
    public void Columns(int first, int column, int depth, float* panel) => _format.Columns(Sixteen(first) + _format.Bytes(column), depth, panel);

    private static int Sixteens(int rows) => (rows + SixteenRows.Count - 1) / SixteenRows.Count;

    private byte* Sixteen(int first) => _start + (first / SixteenRows.Count * _format.Bytes(_columns));

    private readonly struct Work(InterleavedMatrix to, byte* stored, long rowBytes) : IWork
    {
        public void Run(int part)
        {
            int first = part * SixteenRows.Count;
            to._format.LayOut(stored + (first * rowBytes), Math.Min(SixteenRows.Count, to._rows - first), to._columns, to.Sixteen(first));
        }
    }
}
