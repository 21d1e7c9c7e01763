using TailorKV.Runtime.Formats;

namespace TailorKV.Runtime.Quantized;

/// <summary>GPTQ's layout: codes packed along the inputs, zeros along the outputs, and the group of each input where inputs were sorted.</summary>
/// <param name="bits">Bits of a code: 4 or 8.</param>
/// <param name="groupSize">Inputs that share a scale; null for all.</param>
/// <param name="zerosLackOne">Whether zeros are stored less one, as in the first version of the format.</param>
internal sealed class GptqFormat(int bits, int? groupSize, bool zerosLackOne) : QuantizedFormat
{
    public override string Codes => "qweight";

    public override string CodesType => "I32";

    public override IReadOnlyList<string> Others => ["qzeros", "scales", "g_idx"];

    public override StoredTensor Read(ModuleTensors module, int rows, int columns)
    {
        int size = groupSize ?? columns, groups = AffineMatrix.Groups(columns, size);
        PackedIntegers codes = module.Packed("qweight", columns, rows, bits, wordsFirst: true), zeros = module.Packed("qzeros", rows, groups, bits, wordsFirst: false);
        float[] scales = module.Numbers("scales", [groups, rows]);
        return new Matrix(codes, zeros, scales, rows, columns, bits, size, module.GroupsOf("g_idx", columns, groups, size), zerosLackOne).LayOut(module);
    }

    private sealed class Matrix(
        PackedIntegers codes, PackedIntegers zeros, float[] scales, int rows, int columns, int bits, int groupSize, int[]? groupOf, bool zerosLackOne)
        : AffineMatrix(rows, columns, bits, groupSize, groupOf)
    {
        private readonly int _rows = rows;
        private readonly int _most = (1 << bits) - 1;

        protected override int Code(int row, int column) => codes[column, row];

        // What is added to a stored zero must not leave its bits: the quantizer stores 0 less one as the highest.
        protected override (float Scale, int Zero) Factors(int row, int group) =>
            (scales[((long)group * _rows) + row], zerosLackOne ? (zeros[row, group] + 1) & _most : zeros[row, group]);
    }
}
