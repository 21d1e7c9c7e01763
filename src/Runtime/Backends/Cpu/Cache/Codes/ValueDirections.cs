using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Codes;

/// <summary>
/// The directions along which one KV head's values are coded in a <see cref="PrincipalNormalFormat"/>: principal directions of the prompt's values, and for a few tokens' worth of the calibration's, the largest first, cut into tiers, those of each tier turned by a Hadamard matrix,
/// so that elements along them are about as large as each other. Directions of tiers without bits are left out.
/// </summary>
internal sealed class ValueDirections
{
    // What the calibration says counts as so many of the prompt's tokens: a short prompt's own values do not yet tell what later ones will be like, and a long one's tell it better (docs/policies.md).
    private const int CalibrationTokens = 64;

    private readonly Half[] _directions;
    private readonly float[] _sizes;

    /// <summary>Finds them.</summary>
    /// <param name="format">The format.</param>
    /// <param name="seen">What the prompt's values are like; of none where there is no prompt.</param>
    /// <param name="calibration">What is known of values besides, as <see cref="ValueMoments.Means"/> has it.</param>
    /// <param name="headDim">Elements of a value.</param>
    public ValueDirections(PrincipalNormalFormat format, ValueMoments seen, ReadOnlySpan<double> calibration, int headDim)
    {
        HeadDim = headDim;
        double[] moments = seen.Means();
        double share = (double)seen.Rows / (seen.Rows + CalibrationTokens);
        for (int i = 0; i < moments.Length; i++)
            moments[i] = (share * moments[i]) + ((1 - share) * calibration[i]);
        var principal = PrincipalDirections.Of(moments, headDim);
        IReadOnlyList<int> channels = format.TierChannels(headDim);
        (_directions, _sizes) = (new Half[format.CodedChannels(headDim) * headDim], new float[headDim]);
        int first = 0, coded = 0;
        for (int tier = 0; tier < channels.Count; tier++)
        {
            int end = first + channels[tier];
            float mean = end == first ? 0 : principal.Variances.Skip(first).Take(end - first).Average();
            float size = mean > 0 ? MathF.Sqrt(mean) : 1;
            _sizes.AsSpan(first..end).Fill(size);
            if (format.Tiers[tier] > 0 && end > first)
            {
                Turn(principal.Directions[(first * headDim)..(end * headDim)], _directions.AsSpan(coded * headDim));
                coded += end - first;
            }

            first = end;
        }
    }

    /// <summary>Elements of a value.</summary>
    public int HeadDim { get; }

    /// <summary>What is turned, [coded directions, headDim], tier after tier: of any tier as many as it has channels.</summary>
    public ReadOnlySpan<Half> Directions => _directions;

    /// <summary>The usual size of a value's element along each direction, that of its tier, [headDim].</summary>
    public ReadOnlySpan<float> Sizes => _sizes;

    /// <summary>Turns directions by a Hadamard matrix among themselves.</summary>
    private void Turn(ReadOnlySpan<float> directions, Span<Half> turned)
    {
        int count = directions.Length / HeadDim;
        var ofElement = new float[count];
        for (int element = 0; element < HeadDim; element++)
        {
            for (int i = 0; i < count; i++)
                ofElement[i] = directions[(i * HeadDim) + element];
            Hadamard.Rotate(ofElement, count);
            for (int i = 0; i < count; i++)
                turned[(i * HeadDim) + element] = (Half)ofElement[i];
        }
    }
}
