namespace TailorKV.Planner.Tests;

/// <summary>What the cases of a property came to, all of them together. A property whose cases hardly come to what it is about shows nothing; it fails when the test's class is disposed of.</summary>
internal sealed class Tally : IDisposable
{
    private readonly Dictionary<string, (int Count, int Least)> _counts = new(StringComparer.Ordinal);

    /// <summary>Counts a case, also one that came to nothing, so that none at all is seen.</summary>
    public void Count(string what, int count, int least) => _counts[what] = (_counts.GetValueOrDefault(what).Count + count, least);

    /// <inheritdoc cref="Count(string, int, int)"/>
    public void Count(string what, bool came, int least) => Count(what, came ? 1 : 0, least);

    public void Dispose()
    {
        // A property that failed has not seen all of its cases.
        if (TestContext.Current.TestState?.Result != TestResult.Failed)
            Assert.All(_counts, one => Assert.True(one.Value.Count >= one.Value.Least, $"{one.Key}: {one.Value.Count}, fewer than {one.Value.Least}"));
    }
}
