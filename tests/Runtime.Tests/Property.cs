using FsCheck;
using FsCheck.Fluent;

namespace TailorKV.Runtime.Tests;

/// <summary>Checks of a property on cases drawn at random. A failure shows the seed to replay it with.</summary>
internal static class Property
{
    public static void ForAll(int cases, Action<Random> body) => Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(cases), Prop.ForAll(Gen.Choose(0, int.MaxValue - 1).ToArbitrary(), seed => body(new Random(seed))));
}
