using FsCheck;
using FsCheck.Fluent;

namespace TailorKV.Planner.Tests;

/// <summary>Checks of a property on generated cases. A failure shows the case, shrunk where its generator can, and the seed to replay it with.</summary>
internal static class Property
{
    public static void Holds<T>(Arbitrary<T> cases, int count, Action<T> body) => Check.One(Config.QuickThrowOnFailure.WithMaxTest(count), Prop.ForAll(cases, body));

    public static void Holds<T>(Gen<T> cases, int count, Action<T> body) => Holds(cases.ToArbitrary(), count, body);
}
