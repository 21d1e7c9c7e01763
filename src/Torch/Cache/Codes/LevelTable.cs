using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Codes;

/// <summary>Levels that codes stand for, and which of them is nearest.</summary>
internal sealed class LevelTable
{
    private readonly Tensor _levels;
    private readonly Tensor _thresholds;

    /// <summary>A table.</summary>
    /// <param name="levels">The levels in ascending order, by their codes.</param>
    /// <param name="place">The device that it is looked up on.</param>
    public LevelTable(float[] levels, Device place)
    {
        _levels = tensor(levels, ScalarType.Float32, place).DetachFromDisposeScope();
        _thresholds = tensor([.. levels.Skip(1).Zip(levels, (above, below) => (below + above) / 2)], ScalarType.Float32, place).DetachFromDisposeScope();
    }

    /// <summary>The codes of the nearest levels: of each number, how many of the thresholds half way between levels it lies above.</summary>
    /// <param name="numbers">[...], f32.</param>
    /// <returns>[...], bytes.</returns>
    public Tensor Nearest(Tensor numbers) => searchsorted(_thresholds, numbers.contiguous(), out_int32: true, right: false).to(ScalarType.Byte);

    /// <summary>What codes stand for.</summary>
    /// <param name="codes">[...], bytes.</param>
    /// <returns>[...], f32.</returns>
    public Tensor Of(Tensor codes) => _levels.index_select(0, codes.reshape(codes.numel()).to(ScalarType.Int32)).view(codes.shape);
}
