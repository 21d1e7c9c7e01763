using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TailorKV.Runtime.Backends.Cpu.Kernels;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Packs;

/// <summary>
/// Sums of products of packed codes' levels with rounded factors, exact in whole numbers, so that they are the same on every machine. Factors have 8 bits where codes are so coarse
/// that it does not show, else 16.
/// </summary>
/// <param name="levels">What codes stand for.</param>
/// <param name="numberBytes">Bytes of a factor: 1 or 2.</param>
internal abstract unsafe class PackKernel(CodeLevels levels, int numberBytes)
{
    // Steps that a factor of average magnitude must have at the least: what rounding takes or adds, a quarter of a step in the mean, is a thirty-sixth of it then.
    private const int LeastMeanSteps = 9;

    // What 16 bits hold of a sum, with levels' lowest share added: factors of 8 bits are kept so small.
    private readonly int _mostSum = MostSum(levels);

    /// <summary>What codes stand for.</summary>
    public CodeLevels Levels => levels;

    /// <summary>Bytes of a factor, and of what codes are read as.</summary>
    public int NumberBytes => numberBytes;

    /// <summary>
    /// A kernel for keys: codes of up to 3 bits, which are a fifth of a key's norm off or more, meet queries of 8 bits, as long as 16 bits hold sums over so many channels in steps that are fine enough.
    /// </summary>
    /// <param name="levels">What codes stand for.</param>
    /// <param name="channels">Elements of a key.</param>
    /// <param name="lanes">32-bit lanes of vectors: 16, 8, or 1 for the plain twin.</param>
    public static PackKernel OfKeys(CodeLevels levels, int channels, int lanes) =>
        Create(levels, levels.Bits <= 3 && MostSum(levels) >= LeastMeanSteps * channels ? 1 : 2, lanes);

    /// <summary>A kernel for values: weights of 16 bits, since many small ones count as much as a large one.</summary>
    /// <param name="levels">What codes stand for.</param>
    /// <param name="lanes">32-bit lanes of vectors: 16, 8, or 1 for the plain twin.</param>
    public static PackKernel OfValues(CodeLevels levels, int lanes) => Create(levels, 2, lanes);

    /// <summary>A kernel.</summary>
    /// <param name="levels">What codes stand for.</param>
    /// <param name="numberBytes">Bytes of a factor: 2, or 1 for levels of up to 63 units.</param>
    /// <param name="lanes">32-bit lanes of vectors: 16, 8, or 1 for the plain twin.</param>
    public static PackKernel Create(CodeLevels levels, int numberBytes, int lanes) => (numberBytes, lanes) switch
    {
        (_, 1) => new PlainPackKernel(levels, numberBytes),
        (1, 16) => Create<Bytes512>(levels),
        (1, _) => Create<Bytes256>(levels),
        (_, 16) => Create<Words512>(levels),
        _ => Create<Words256>(levels),
    };

    /// <summary>Rounds factors.</summary>
    /// <param name="numbers">The numbers.</param>
    /// <param name="factors">Room for as many factors.</param>
    /// <param name="sum">Their sum.</param>
    /// <returns>What one stands for.</returns>
    public float Round(ReadOnlySpan<float> numbers, Span<byte> factors, out int sum) => numberBytes == 1
        ? RoundedFactors.Round(numbers, [], _mostSum, MemoryMarshal.Cast<byte, sbyte>(factors), out sum)
        : RoundedFactors.Round(numbers, [], MemoryMarshal.Cast<byte, short>(factors), out sum);

    /// <summary>The largest magnitude that each of <paramref name="depths"/> factors may have, so that the sum of their products with levels fits its integer.</summary>
    public float Most(int depths) =>
        numberBytes == 1 ? Math.Min(sbyte.MaxValue, _mostSum / depths) : Math.Min(short.MaxValue, int.MaxValue / levels.Largest / depths);

    /// <summary>Where the factors of depths lie.</summary>
    public Range Bytes(Range depths) => (depths.Start.Value * numberBytes)..(depths.End.Value * numberBytes);

    /// <summary>The sum of factors.</summary>
    public int Sum(ReadOnlySpan<byte> factors) => numberBytes == 1
        ? RoundedFactors.Sum(MemoryMarshal.Cast<byte, sbyte>(factors))
        : RoundedFactors.Sum(MemoryMarshal.Cast<byte, short>(factors));

    /// <summary>
    /// destination[query, lane] += (sum over depths of factors[query, depth] * level) * (scales[lane] * steps[query]), a group of depths after another, the lanes of repeated packs following each other.
    /// </summary>
    /// <param name="range">The codes that take part.</param>
    /// <param name="factors">[n, factorStride], from the first depth on, as <see cref="Round"/> makes them.</param>
    /// <param name="factorStride">Bytes from one query's factors to the next's.</param>
    /// <param name="steps">What one stands for in each query, [n].</param>
    /// <param name="sums">The sum of each query's factors that take part, [groups, n], or [repeats, n] where repeated packs have factors of their own.</param>
    /// <param name="scales">What one stands for in each lane, [groups, lanes].</param>
    /// <param name="destination">[n, stride].</param>
    /// <param name="stride">From one query's numbers to the next's.</param>
    /// <param name="factorStep">Bytes from one repeated pack's factors to the next's; 0 where all meet the same.</param>
    /// <param name="partial">Where sums are made of several packs' products before they are scaled, those of the others.</param>
    [SkipLocalsInit]
    public void AddProducts(
        in PackRange range, ReadOnlySpan<byte> factors, int factorStride, ReadOnlySpan<float> steps, ReadOnlySpan<int> sums, ReadOnlySpan<float> scales,
        Span<float> destination, int stride, int factorStep = 0, PartialSums partial = default)
    {
        int n = steps.Length, lanes = range.Lanes * range.Repeats, depths = range.Depth * range.Sums;
        if (n == 0 || lanes == 0 || depths == 0)
            return;
        ArgumentOutOfRangeException.ThrowIfNotEqual(range.Shape.NumberBytes, numberBytes, nameof(range));
        ArgumentOutOfRangeException.ThrowIfLessThan(factors.Length, ((range.Repeats - 1) * factorStep) + ((n - 1) * factorStride) + (depths * numberBytes));
        ArgumentOutOfRangeException.ThrowIfLessThan(sums.Length, n * (factorStep == 0 ? range.Groups : range.Repeats));
        ArgumentOutOfRangeException.ThrowIfLessThan(scales.Length, range.Groups * lanes);
        ArgumentOutOfRangeException.ThrowIfLessThan(destination.Length, ((n - 1) * stride) + lanes);
        ArgumentOutOfRangeException.ThrowIfLessThan(partial.Room.Length, partial.IsNone ? 0 : n * lanes * range.Shape.WordBytes);
        fixed (byte* factor = factors, kept = partial.Room)
        fixed (int* sum = sums)
        fixed (float* step = steps, scale = scales, to = destination)
        {
            var some = new PackFactors(factor, factorStride, factorStep, n, step, sum, n);
            AddProducts(new PackWork(range, some, new KeptSums(kept, (nint)lanes * range.Shape.WordBytes, partial.Resumes, partial.Keeps), scale, to, stride));
        }
    }

    protected abstract void AddProducts(in PackWork work);

    private static int MostSum(CodeLevels levels) => short.MaxValue / levels.Largest;

    private static PackKernel Create<TWords>(CodeLevels levels)
        where TWords : struct, IWords<TWords> => levels.Bits switch
        {
            1 => new VectorPackKernel<ICodeBits.One, TWords>(levels),
            2 => new VectorPackKernel<ICodeBits.Two, TWords>(levels),
            3 => new VectorPackKernel<ICodeBits.Three, TWords>(levels),
            4 when levels.AreEven => new VectorPackKernel<ICodeBits.EvenFour, TWords>(levels),
            4 => new VectorPackKernel<ICodeBits.Four, TWords>(levels),
            5 => new VectorPackKernel<ICodeBits.Five, TWords>(levels),
            _ => new VectorPackKernel<ICodeBits.Eight, TWords>(levels),
        };
}
