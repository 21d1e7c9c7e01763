using TailorKV.Torch.Numbers;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Model;

/// <summary>A projection: rows times a matrix, plus a bias where there is one.</summary>
/// <param name="Matrix">[outputs, inputs].</param>
/// <param name="Bias">[outputs], or null.</param>
internal sealed record TorchLinear(Tensor Matrix, Tensor? Bias)
{
    /// <summary>What comes out, in f32 whatever the matrix is of.</summary>
    /// <param name="rows">[rows, inputs], f32.</param>
    public Tensor Of(Tensor rows)
    {
        Tensor products = rows.to(Matrix.dtype).matmul(Matrix.t()).to(ScalarType.Float32);
        return Bias is null ? products : products.Plus(Bias);
    }
}
