namespace TailorKV.Runtime.Backends.Cpu.Cache.Packs;

/// <summary>The rounded factors that a kernel multiplies codes with.</summary>
/// <param name="first">Where the first query's begin.</param>
/// <param name="stride">Bytes from one query's to the next's.</param>
/// <param name="step">Bytes from one repeated pack's to the next's; 0 where all meet the same.</param>
/// <param name="queries">How many queries there are.</param>
/// <param name="steps">The step of each query's factors: what a factor of 1 stands for.</param>
/// <param name="sums">The sum of each query's factors, for each group of depths, or for each repeated pack where packs have factors of their own.</param>
/// <param name="sumsOfAll">Elements from one group's or pack's sums to the next's; they have all queries, of which <paramref name="queries"/> may be fewer.</param>
internal readonly unsafe struct PackFactors(byte* first, nint stride, nint step, int queries, float* steps, int* sums, int sumsOfAll)
{
    public byte* First => first;

    public nint Stride => stride;

    public nint Step => step;

    public int Queries => queries;

    public float* Steps => steps;

    public int* Sums => sums;

    /// <summary>From one group's sums to the next's.</summary>
    public nint GroupSums => sumsOfAll;

    /// <summary>From one repeated pack's sums to the next's.</summary>
    public nint RepeatSums => step == 0 ? 0 : sumsOfAll;
}
