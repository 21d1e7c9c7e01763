using TailorKV.Runtime.Weights;
using TailorKV.Runtime.Weights.Blocks;

namespace TailorKV.Runtime.Backends.Cpu.Products.Interleaved;

/// <summary><see cref="InterleavedRows{TBlocks}"/> of a format that is known only at run time.</summary>
internal sealed unsafe class InterleavedFormat
{
    private static readonly Dictionary<WeightType, InterleavedFormat> Formats = new()
    {
        [WeightType.Q8_0] = Of<Q8_0>(),
        [WeightType.Q4_0] = Of<Q4_0>(),
        [WeightType.Q4_1] = Of<Q4_1>(),
        [WeightType.Q5_0] = Of<Q5_0>(),
        [WeightType.Q5_1] = Of<Q5_1>(),
        [WeightType.Q4_K] = Of<Q4_K>(),
        [WeightType.Q5_K] = Of<Q5_K>(),
        [WeightType.Q6_K] = Of<Q6_K>(),
        [WeightType.I4_32] = Of<I4<OneGroup>>(),
        [WeightType.I4_128] = Of<I4<FourGroups>>(),
        [WeightType.I8_32] = Of<I8<OneGroup>>(),
        [WeightType.I8_128] = Of<I8<FourGroups>>(),
        [WeightType.I8_16] = Of<I8_16>(),
    };

    private readonly int _blockElements;
    private readonly int _blockBytes;
    private readonly delegate*<byte*, int, int, byte*, void> _layOut;
    private readonly delegate*<byte*, int, int, RoundedInput, float*, void> _dots;
    private readonly delegate*<byte*, int, float*, void> _columns;

    private InterleavedFormat(
        int blockElements, int blockBytes, delegate*<byte*, int, int, byte*, void> layOut, delegate*<byte*, int, int, RoundedInput, float*, void> dots, delegate*<byte*, int, float*, void> columns)
    {
        (_blockElements, _blockBytes) = (blockElements, blockBytes);
        _layOut = layOut;
        _dots = dots;
        _columns = columns;
    }

    /// <summary>How rows of a type lie side by side for products; null for the plain types, whose rows are multiplied as they are stored.</summary>
    public static InterleavedFormat? Of(WeightType type) => Formats.GetValueOrDefault(type);

    private static InterleavedFormat Of<TBlocks>()
        where TBlocks : struct, IBlocks => new(TBlocks.Elements, InterleavedRows<TBlocks>.BlockBytes, &InterleavedRows<TBlocks>.LayOut, &InterleavedRows<TBlocks>.Dots, &InterleavedRows<TBlocks>.Columns);

    /// <summary>Bytes of so many columns, whole blocks, of sixteen rows.</summary>
    public long Bytes(int columns) => columns / _blockElements * (long)_blockBytes;

    /// <inheritdoc cref="InterleavedRows{TBlocks}.LayOut"/>
    public void LayOut(byte* rows, int count, int columns, byte* destination) => _layOut(rows, count, columns, destination);

    /// <inheritdoc cref="InterleavedRows{TBlocks}.Dots"/>
    public void Dots(byte* block, int sixteens, int columns, RoundedInput input, float* dots) => _dots(block, sixteens, columns, input, dots);

    /// <inheritdoc cref="InterleavedRows{TBlocks}.Columns"/>
    public void Columns(byte* block, int depth, float* panel) => _columns(block, depth, panel);
}
