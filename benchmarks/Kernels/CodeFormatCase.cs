using TailorKV.Planner.Policies.Codes;

namespace TailorKV.Benchmarks.Kernels;

/// <summary>A format that names itself in the results.</summary>
/// <param name="Format">The format.</param>
public sealed record CodeFormatCase(CodeFormat Format)
{
    public override string ToString() => Format.Describe();
}
