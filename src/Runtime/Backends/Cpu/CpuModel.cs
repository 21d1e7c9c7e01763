using TailorKV.Planner;
using TailorKV.Runtime.Backends.Cpu.Products;
using TailorKV.Runtime.Models;

namespace TailorKV.Runtime.Backends.Cpu;

/// <summary>A model's weights in the forms that the CPU multiplies by.</summary>
internal sealed class CpuModel : DeviceModel
{
    private readonly CpuBackend _backend;
    private readonly ModelFiles _files;

    /// <summary>Lays the weights out.</summary>
    /// <param name="backend">The backend.</param>
    /// <param name="files">The model.</param>
    /// <exception cref="CapacityExceededException">The machine has not that much memory free.</exception>
    public CpuModel(CpuBackend backend, ModelFiles files)
    {
        (_backend, _files) = (backend, files);
        Matrices = new ModelMatrices(files.Weights, backend.Pool);
    }

    public ModelMatrices Matrices { get; }

    public override Backend Backend => _backend;

    public override long WeightBytes => _files.Weights.StoredBytes;

    public override long LaidOutBytes => Matrices.LaidOutBytes;

    public override CpuTransformer CreateTransformer(int context) => new(_files.Shape, _files.Config, _files.Weights, Matrices, _backend.Pool, context);

    protected override void Dispose(bool disposing) => Matrices.Dispose();
}
