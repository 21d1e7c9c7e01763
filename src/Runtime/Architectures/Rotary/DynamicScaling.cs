namespace TailorKV.Runtime.Architectures.Rotary;

/// <summary>
/// Dynamic NTK scaling: in sessions that can hold more than <paramref name="OriginalContextLength"/> tokens the base of the frequencies grows with how much more, so that the lowest frequency
/// is stretched most and the highest is kept.
/// </summary>
/// <param name="Factor">How strongly the base follows the context.</param>
/// <param name="OriginalContextLength">Tokens of the longest session without scaling.</param>
internal sealed record DynamicScaling(double Factor, int OriginalContextLength) : RopeScaling
{
    /// <inheritdoc/>
    public override float Scale(float frequency, int pair, RotaryConfig rotary, int context)
    {
        if (context <= OriginalContextLength)
            return frequency;
        double stretch = (Factor * context / OriginalContextLength) - (Factor - 1);
        // The base times stretch^(d / (d - 2)), to the power of -2 pair / d.
        return (float)(frequency * Math.Pow(stretch, -2.0 * pair / (rotary.Dimensions - 2)));
    }
}
