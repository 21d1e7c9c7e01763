namespace TailorKV.Cuda.Models;

/// <summary>A projection: rows times a matrix, plus a bias where there is one.</summary>
/// <param name="Matrix">The matrix.</param>
/// <param name="Bias">The address of [outputs], or 0.</param>
internal sealed record CudaLinear(CudaMatrix Matrix, nint Bias);
