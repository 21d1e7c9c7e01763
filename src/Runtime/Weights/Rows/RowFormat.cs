using TailorKV.Runtime.Weights.Blocks;

namespace TailorKV.Runtime.Weights.Rows;

/// <summary><see cref="RowLayout{TBlocks}"/> of a format that is known only at run time.</summary>
internal sealed unsafe class RowFormat
{
    private readonly int _blockElements;
    private readonly int _blockBytes;
    private readonly delegate*<byte*, int, int, byte*, void> _layOut;
    private readonly delegate*<byte*, int, int, RoundedInput, float*, void> _dots;
    private readonly delegate*<byte*, int, float*, void> _columns;

    private RowFormat(
        int blockElements, int blockBytes, delegate*<byte*, int, int, byte*, void> layOut, delegate*<byte*, int, int, RoundedInput, float*, void> dots, delegate*<byte*, int, float*, void> columns)
    {
        (_blockElements, _blockBytes) = (blockElements, blockBytes);
        _layOut = layOut;
        _dots = dots;
        _columns = columns;
    }

    /// <summary>The layout of a format.</summary>
    public static RowFormat Of<TBlocks>()
        where TBlocks : struct, IBlocks => new(TBlocks.Elements, RowLayout<TBlocks>.BlockBytes, &RowLayout<TBlocks>.LayOut, &RowLayout<TBlocks>.Dots, &RowLayout<TBlocks>.Columns);

    /// <summary>Bytes of so many columns, whole blocks, of sixteen rows.</summary>
    public long Bytes(int columns) => columns / _blockElements * (long)_blockBytes;

    /// <inheritdoc cref="RowLayout{TBlocks}.LayOut"/>
    public void LayOut(byte* rows, int count, int columns, byte* destination) => _layOut(rows, count, columns, destination);

    /// <inheritdoc cref="RowLayout{TBlocks}.Dots"/>
    public void Dots(byte* block, int sixteens, int columns, RoundedInput input, float* dots) => _dots(block, sixteens, columns, input, dots);

    /// <inheritdoc cref="RowLayout{TBlocks}.Columns"/>
    public void Columns(byte* block, int depth, float* panel) => _columns(block, depth, panel);
}
