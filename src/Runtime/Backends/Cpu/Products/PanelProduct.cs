using System.Runtime.CompilerServices;
using TailorKV.Runtime.Backends.Cpu.Panels;
using TailorKV.Runtime.Backends.Cpu.Products.Interleaved;
using TailorKV.Runtime.Backends.Cpu.Threads;
using TailorKV.Runtime.Weights;
using TailorKV.Runtime.Weights.Blocks;

namespace TailorKV.Runtime.Backends.Cpu.Products;

/// <summary>
/// The product of many input rows by stored weights. A part decodes a panel of weight rows once, small enough to stay in a core's cache, and multiplies a run of
/// input rows by it.
/// </summary>
internal readonly unsafe struct PanelProduct : IWork
{
    // 144 KiB of stack, and of the second cache.
    private const int PanelDepth = 768;
    private const int SlabRows = 64;

    private readonly WeightFormat _format;
    private readonly byte* _weights;
    private readonly InterleavedMatrix? _laidOut;
    private readonly int _rows;
    private readonly int _columns;
    private readonly int _depth;
    private readonly float* _input;
    private readonly int _count;
    private readonly float* _output;
    private readonly int _panels;
    private readonly int _partRows;
    private readonly int _lanes;

    /// <summary>Divides a product into parts.</summary>
    /// <param name="format">The layout of the weights.</param>
    /// <param name="weights">[<paramref name="rows"/>, <paramref name="columns"/>].</param>
    /// <param name="laidOut">The same laid out for products, which is read in their place where there is one.</param>
    /// <param name="rows">Rows of the weights.</param>
    /// <param name="columns">Columns of the weights, whole blocks.</param>
    /// <param name="input">[<paramref name="count"/>, <paramref name="columns"/>].</param>
    /// <param name="count">Rows of the input.</param>
    /// <param name="output">[<paramref name="count"/>, <paramref name="rows"/>].</param>
    /// <param name="threads">Threads that there shall be work for.</param>
    /// <param name="lanes">As in <see cref="PanelKernel.Multiply"/>.</param>
    public PanelProduct(WeightFormat format, byte* weights, InterleavedMatrix? laidOut, int rows, int columns, float* input, int count, float* output, int threads, int lanes)
    {
        (_format, _laidOut, _rows, _columns, _count, _lanes) = (format, laidOut, rows, columns, count, lanes);
        _weights = weights;
        _input = input;
        _output = output;
        // Whole blocks of 256, the largest there are; the sums' order must not depend on anything but the matrix.
        int blocks = (columns + PanelDepth - 1) / PanelDepth;
        _depth = blocks == 1 ? columns : Math.Min(PanelDepth, (((columns / blocks) + 255) / 256) * 256);
        _panels = ((rows - 1) / Panel.Width) + 1;
        // A panel is decoded again for every run of rows, so they are only cut where there are few panels.
        int runs = threads == 1 ? 1 : Math.Clamp(4 * threads / _panels, 1, Math.Max(1, count / SlabRows));
        _partRows = ((((count + runs - 1) / runs) + 7) / 8) * 8;
        Parts = _panels * ((count + _partRows - 1) / _partRows);
    }

    /// <summary>How many parts there are.</summary>
    public int Parts { get; }

    /// <inheritdoc/>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run(int part)
    {
        float* panel = stackalloc float[PanelDepth * Panel.Width];
        int row = part % _panels * Panel.Width, first = part / _panels * _partRows;
        int rows = Math.Min(Panel.Width, _rows - row), count = Math.Min(_partRows, _count - first);
        float* output = _output + ((nint)first * _rows) + row;
        for (int column = 0; column < _columns; column += _depth)
        {
            int depth = Math.Min(_depth, _columns - column);
            Pack(row, rows, column, depth, panel);
            float* input = _input + ((nint)first * _columns) + column;
            if (rows == Panel.Width)
                PanelKernel.Multiply(input, _columns, 1, count, panel, depth, output, _rows, column > 0, _lanes);
            else
                MultiplyEdge(input, count, panel, depth, rows, output, column > 0);
        }
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Pack(int row, int rows, int column, int depth, float* panel)
    {
        if (_laidOut is not null)
        {
            // In columns that no row has, anything may stand: nobody reads what comes of them.
            for (int start = 0; start < rows; start += SixteenRows.Count)
                _laidOut.Columns(row + start, column, depth, panel + start);
            return;
        }

        float* decoded = stackalloc float[4 * PanelDepth];
        nint rowBytes = (nint)_format.ByteLength(_columns);
        byte* source = _weights + (row * rowBytes) + (nint)_format.ByteLength(column);
        for (int start = 0; start < Panel.Width; start += 4)
        {
            int some = Math.Clamp(rows - start, 0, 4);
            for (int i = 0; i < some; i++)
                _format.Decode(source + ((start + i) * rowBytes), decoded + (i * PanelDepth), depth);
            Panel.PackFour(decoded, some, PanelDepth, depth, panel + start);
        }
    }

    /// <summary>The last panel, when the weights end within it: its products go by way of a buffer of a whole panel's width.</summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void MultiplyEdge(float* input, int count, float* panel, int depth, int columns, float* output, bool add)
    {
        float* slab = stackalloc float[SlabRows * Panel.Width];
        for (int start = 0; start < count; start += SlabRows)
        {
            int some = Math.Min(SlabRows, count - start);
            float* to = output + ((nint)start * _rows);
            for (nint i = 0; add && i < some; i++)
                new ReadOnlySpan<float>(to + (i * _rows), columns).CopyTo(new Span<float>(slab + (i * Panel.Width), columns));
            PanelKernel.Multiply(input + ((nint)start * _columns), _columns, 1, some, panel, depth, slab, Panel.Width, add, _lanes);
            for (nint i = 0; i < some; i++)
                new ReadOnlySpan<float>(slab + (i * Panel.Width), columns).CopyTo(new Span<float>(to + (i * _rows), columns));
        }
    }
}
