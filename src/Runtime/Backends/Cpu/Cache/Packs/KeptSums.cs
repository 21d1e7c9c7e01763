namespace TailorKV.Runtime.Backends.Cpu.Cache.Packs;

/// <summary>What a kernel does with <see cref="PartialSums"/>.</summary>
/// <param name="first">Where the first query's are.</param>
/// <param name="stride">Bytes from one query's to the next's.</param>
/// <param name="resumes">Whether sums go on from them.</param>
/// <param name="keeps">Whether sums are put there and not scaled.</param>
internal readonly unsafe struct KeptSums(byte* first, nint stride, bool resumes, bool keeps)
{
    public byte* First => first;

    public nint Stride => stride;

    public bool Resumes => resumes;

    public bool Keeps => keeps;
}
