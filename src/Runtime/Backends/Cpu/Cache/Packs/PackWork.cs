namespace TailorKV.Runtime.Backends.Cpu.Cache.Packs;

/// <summary>What one call of a kernel does. It is handed on by reference: copies of it would take as long as a small tier's products.</summary>
/// <param name="range">The codes that take part.</param>
/// <param name="factors">What they are multiplied with.</param>
/// <param name="kept">Sums of other packs' products.</param>
/// <param name="scales">What one stands for in each lane, [groups, lanes].</param>
/// <param name="destination">[n, stride].</param>
/// <param name="stride">From one query's numbers to the next's.</param>
internal readonly unsafe struct PackWork(in PackRange range, in PackFactors factors, in KeptSums kept, float* scales, float* destination, nint stride)
{
    public readonly PackRange Range = range;

    public readonly PackFactors Factors = factors;

    public readonly KeptSums Kept = kept;

    public float* Scales => scales;

    public float* Destination => destination;

    public nint Stride => stride;
}
