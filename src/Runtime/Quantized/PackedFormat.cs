using System.Runtime.InteropServices;
using TailorKV.Runtime.Formats;

namespace TailorKV.Runtime.Quantized;

/// <summary>compressed-tensors' pack-quantized layout: codes packed along the inputs, raised to have no sign; zeros, if any, along the outputs.</summary>
/// <param name="bits">Bits of a code: 4 or 8.</param>
/// <param name="groupSize">Inputs that share a scale; null for all.</param>
/// <param name="symmetric">Whether there are no zeros.</param>
internal sealed class PackedFormat(int bits, int? groupSize, bool symmetric) : QuantizedFormat
{
    public override string Codes => "weight_packed";

    public override string CodesType => "I32";

    public override IReadOnlyList<string> Others => ["weight_scale", "weight_shape", "weight_zero_point", "weight_g_idx"];

    public override StoredTensor Read(ModuleTensors module, int rows, int columns)
    {
        int size = groupSize ?? columns, groups = AffineMatrix.Groups(columns, size);
        long[] shape = MemoryMarshal.Cast<byte, long>(module.Bytes("weight_shape", "I64", [2])).ToArray();
        if (shape[0] != rows || shape[1] != columns)
            throw module.Wrong("weight_shape", $"says [{shape[0]}, {shape[1]}], not [{rows}, {columns}]", "Weights and configuration must belong together");
        PackedIntegers codes = module.Packed("weight_packed", columns, rows, bits, wordsFirst: false);
        PackedIntegers? zeros = symmetric ? null : module.Packed("weight_zero_point", rows, groups, bits, wordsFirst: true);
        float[] scales = module.Numbers("weight_scale", [rows, groups]);
        return new Matrix(codes, zeros, scales, rows, columns, bits, size, module.GroupsOf("weight_g_idx", columns, groups, size)).LayOut(module);
    }

    private sealed class Matrix(PackedIntegers codes, PackedIntegers? zeros, float[] scales, int rows, int columns, int bits, int groupSize, int[]? groupOf)
        : AffineMatrix(rows, columns, bits, groupSize, groupOf)
    {
        private readonly int _groups = Groups(columns, groupSize);
        private readonly int _middle = 1 << (bits - 1);

        protected override int Code(int row, int column) => codes[column, row];

        protected override (float Scale, int Zero) Factors(int row, int group) => (scales[((long)row * _groups) + group], zeros?[row, group] ?? _middle);
    }
}
