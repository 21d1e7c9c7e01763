namespace TailorKV.Runtime.Backends.Cpu.Threads;

/// <summary>Work in parts that do not depend on each other. A struct, so that handing it out allocates nothing.</summary>
internal interface IWork
{
    /// <summary>Does one part; may run on any thread of the pool, at the same time as other parts.</summary>
    /// <param name="part">0 to the number of parts - 1.</param>
    void Run(int part);
}
