using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Weights;

namespace TailorKV.Runtime.Quantized;

/// <summary>compressed-tensors' FP8: numbers of <see cref="Float8"/> with a scale for the matrix, for each output, or for each rectangle.</summary>
/// <param name="strategy">Which of the three: tensor, channel or block.</param>
/// <param name="block">Outputs and inputs of a rectangle.</param>
internal sealed class Float8Format(string strategy, (int Rows, int Columns) block) : QuantizedFormat
{
    public override string Codes => "weight";

    public override string CodesType => "F8_E4M3";

    public override IReadOnlyList<string> Others => ["weight_scale", "input_scale"];

    public override unsafe StoredTensor Read(ModuleTensors module, int rows, int columns)
    {
        (int height, int width) = strategy switch { "tensor" => (rows, columns), "channel" => (1, columns), _ => block };
        int across = AffineMatrix.Groups(columns, width), down = AffineMatrix.Groups(rows, height);
        float[] scales = strategy switch
        {
            "tensor" => module.Numbers("weight_scale", [], [1], [1, 1]),
            "channel" => module.Numbers("weight_scale", [rows, 1], [rows]),
            _ => module.Numbers("weight_scale", [down, across]),
        };
        byte[] codes = module.Float8s("weight", rows, columns);
        module.RemarkExpanded("FP8 matrices");
        StoredTensor matrix = module.NewMatrix(WeightType.F32, rows, columns);
        float* start = (float*)matrix.Pointer;
        Parallel.For(0, rows, row =>
        {
            for (int column = 0; column < columns; column++)
                start[((long)row * columns) + column] = Float8.Numbers[codes[(row * columns) + column]] * scales[(row / height * across) + (column / width)];
        });
        return matrix;
    }
}
