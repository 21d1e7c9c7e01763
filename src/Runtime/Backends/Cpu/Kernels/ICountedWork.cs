namespace TailorKV.Runtime.Backends.Cpu.Kernels;

/// <summary>Work on up to four queries or rows at a time, compiled for each number of them.</summary>
internal interface ICountedWork
{
    /// <summary>Does it for as many as <typeparamref name="TCount"/> says.</summary>
    /// <param name="first">The first of them.</param>
    void Run<TCount>(int first)
        where TCount : struct, ICount;
}
