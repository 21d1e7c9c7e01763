using FsCheck;
using FsCheck.Fluent;
using TailorKV.Runtime.Tests.Backends.Cpu.Cache;
using TailorKV.Runtime.Tests.Sessions;

namespace TailorKV.Torch.Tests.Cache;

/// <summary>The cases of every backend, with queries that meet codes as they are.</summary>
public static class TorchCases
{
    public static Arbitrary<CacheCase> CacheCase() => Arb.From(Runtime.Tests.Backends.Cpu.Cache.CacheCase.Any.Select(Unrounded), one => Runtime.Tests.Backends.Cpu.Cache.CacheCase.Shrink(one));

    public static Arbitrary<FarScores> FarScores() => Runtime.Tests.Backends.Cpu.Cache.FarScores.OfKinds(_ => true);

    public static Arbitrary<TinyPolicies> TinyPolicies() => Arb.From(Runtime.Tests.Sessions.TinyPolicies.Any, Runtime.Tests.Sessions.TinyPolicies.Shrink);

    internal static CacheCase Unrounded(CacheCase one) => one with { RoundsQueries = false };
}
