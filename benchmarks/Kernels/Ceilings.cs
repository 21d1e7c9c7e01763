namespace TailorKV.Benchmarks.Kernels;

/// <summary>What the machine at hand does at the most at a moment. A virtual one is another machine a second later: the host moves its processors, and others work beside it.</summary>
/// <param name="CopiedBytesPerSecond">Bytes that threads read and write in a second, copying one half of a buffer to the other, over and over; 0 where it was not measured.</param>
/// <param name="MultiplyAddsPerSecond">Fused f32 multiply-adds in registers, of threads in a second.</param>
internal readonly record struct Ceilings(double CopiedBytesPerSecond, double MultiplyAddsPerSecond);
