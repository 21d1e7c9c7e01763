using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Weights;
using TailorKV.Runtime.Weights.Blocks;

namespace TailorKV.Runtime.Quantized;

/// <summary>compressed-tensors' NVFP4: numbers of 4 bits, a <see cref="Float8"/> scale for each 16 inputs, and a scale of the matrix that those are divided by.</summary>
internal sealed class Nvfp4Format : QuantizedFormat
{
    private const int Group = 16;

    // Twice the numbers 0, 0.5, 1, 1.5, 2, 3, 4 and 6.
    private static readonly sbyte[] Doubled = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

    public override string Codes => "weight_packed";

    public override string CodesType => "U8";

    public override IReadOnlyList<string> Others => ["weight_scale", "weight_global_scale", "input_global_scale"];

    public override unsafe StoredTensor Read(ModuleTensors module, int rows, int columns)
    {
        if (columns % I8_16.Elements != 0)
            throw module.Wrong("weight_packed", $"has rows of {columns} numbers", $"Multiples of {I8_16.Elements} are supported; use the F16 or BF16 model");
        byte[] codes = module.Bytes("weight_packed", "U8", [rows, columns / 2]), scales = module.Float8s("weight_scale", rows, columns / Group);
        float global = module.Numbers("weight_global_scale", [], [1])[0];
        if (global <= 0)
            throw module.Wrong("weight_global_scale", $"is {global}", "It must be above 0");
        StoredTensor matrix = module.NewMatrix(WeightType.I8_16, rows, columns);
        byte* start = matrix.Pointer;
        Parallel.For(0, rows, row =>
        {
            byte* to = start + ((long)row * columns / I8_16.Elements * I8_16.Bytes);
            for (int column = 0; column < columns; column++)
            {
                int place = column % I8_16.Elements;
                if (place == 0 && column > 0)
                    to += I8_16.Bytes;
                if (place % Group == 0)
                    ((float*)to)[place / Group] = Float8.Numbers[scales[((row * columns) + column) / Group]] / global / 2;
                int pair = codes[((row * columns) + column) / 2];
                ((sbyte*)to)[8 + place] = Doubled[column % 2 == 0 ? pair & 15 : pair >> 4];
            }
        });
        return matrix;
    }
}
