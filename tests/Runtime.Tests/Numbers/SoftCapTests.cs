using FsCheck.Xunit;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Tests.Numbers;

public sealed class SoftCapTests
{
    [Property(MaxTest = 200)]
    public void Equals_the_plain_formula(Many length, Pick cap, Pick size, RandomData data)
    {
        float most = cap.Of(0.5f, 5, 30, 50);
        float[] before = [.. data.Row(length).Select(x => x * size.Of(1f, 20, 5000))], after = [.. before];
        SoftCap.Apply(after, most);
        for (int i = 0; i < after.Length; i++)
        {
            double expected = most * Math.Tanh(before[i] / most);
            Assert.InRange(after[i], expected - (4e-7 * most), expected + (4e-7 * most));
        }
    }

    /// <summary>Wherever a number stands among others, it becomes the same to the bit: the results of attention do not depend on how it is divided.</summary>
    [Property(MaxTest = 100)]
    public void Does_not_depend_on_neighbours(Many length, Pick from, RandomData data)
    {
        float[] all = [.. data.Row(length).Select(x => 100 * x)], part = all[from.Of(all.Length)..], whole = [.. all];
        SoftCap.Apply(whole, 50);
        SoftCap.Apply(part, 50);
        Assert.Equal(whole[^part.Length..], part);
    }
}
