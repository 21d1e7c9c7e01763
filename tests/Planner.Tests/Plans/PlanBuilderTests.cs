using TailorKV.Planner.Plans;
using TailorKV.Planner.Profiles;
using TailorKV.Planner.Solver;
using TailorKV.Testing;

namespace TailorKV.Planner.Tests.Plans;

public sealed class PlanBuilderTests
{
    [Theory]
    [InlineData(0, 16)]
    [InlineData((1 << 28) + 1, 16)]
    [InlineData(100, 0)]
    [InlineData(100, 1 << 17)]
    public void Sizes_out_of_range_are_refused(int context, int chunk) => Assert.Throws<TailorKVException>(
        () => new PlanBuilder(ProfileGenerators.Small().Draw(new Random(1)), new PlanTarget { Context = context }, new PlanOptions { PrefillChunks = [chunk] }));

    [Theory]
    [InlineData((1L << 40) + 1, 0, "gives layer 0 1099511627777")]
    [InlineData(long.MinValue, 0, "gives layer 0 -9223372036854775808")]
    [InlineData(0, (1L << 50) + 1, "compares with 1125899906842625")]
    public void Constraints_out_of_range_are_refused_by_name(long coefficient, long rightHandSide, string said)
    {
        ModelProfile profile = ProfileGenerators.Small().Draw(new Random(1));
        PlanOptions options = new() { Constraints = [new("mine", (_, _) => coefficient, ConstraintSense.AtMost, rightHandSide)] };
        var error = Assert.Throws<TailorKVException>(() => new PlanBuilder(profile, new PlanTarget { Context = 100 }, options).Build());
        Assert.Contains($"the constraint 'mine' {said}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_profile_that_contradicts_itself_is_refused()
    {
        ModelProfile profile = ProfileGenerators.Small().Draw(new Random(1));
        var error = Assert.Throws<TailorKVException>(() => new PlanBuilder(profile with { Layers = [] }, new PlanTarget { Context = 100 }));
        Assert.Contains("profile: it has 0 layers", error.Message, StringComparison.Ordinal);
    }
}
