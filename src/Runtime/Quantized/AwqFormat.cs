using TailorKV.Runtime.Formats;

namespace TailorKV.Runtime.Quantized;

/// <summary>AWQ's layout for matrix products ("gemm"): 4-bit codes and zeros packed along the outputs, eight to a word in an order of their own.</summary>
/// <param name="groupSize">Inputs that share a scale; null for all.</param>
internal sealed class AwqFormat(int? groupSize) : QuantizedFormat
{
    private const int Bits = 4;

    public override string Codes => "qweight";

    public override string CodesType => "I32";

    public override IReadOnlyList<string> Others => ["qzeros", "scales"];

    public override StoredTensor Read(ModuleTensors module, int rows, int columns)
    {
        int size = groupSize ?? columns, groups = AffineMatrix.Groups(columns, size);
        PackedIntegers codes = module.Packed("qweight", rows, columns, Bits, wordsFirst: false, isAwq: true), zeros = module.Packed("qzeros", rows, groups, Bits, wordsFirst: false, isAwq: true);
        return new Matrix(codes, zeros, module.Numbers("scales", [groups, rows]), rows, columns, size).LayOut(module);
    }

    private sealed class Matrix(PackedIntegers codes, PackedIntegers zeros, float[] scales, int rows, int columns, int groupSize) : AffineMatrix(rows, columns, Bits, groupSize, groupOf: null)
    {
        private readonly int _rows = rows;

        protected override int Code(int row, int column) => codes[row, column];

        protected override (float Scale, int Zero) Factors(int row, int group) => (scales[((long)group * _rows) + row], zeros[row, group]);
    }
}
