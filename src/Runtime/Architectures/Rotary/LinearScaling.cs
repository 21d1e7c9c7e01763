namespace TailorKV.Runtime.Architectures.Rotary;

/// <summary>All positions are divided by <paramref name="Factor"/> (arXiv 2306.15595).</summary>
/// <param name="Factor">How much longer contexts become.</param>
internal sealed record LinearScaling(double Factor) : RopeScaling
{
    /// <inheritdoc/>
    public override float Scale(float frequency, int pair, RotaryConfig rotary, int context) => frequency / (float)Factor;
}
