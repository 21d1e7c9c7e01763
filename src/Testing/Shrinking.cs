namespace TailorKV.Testing;

/// <summary>Steps to simpler values, for shrinking of your own.</summary>
public static class Shrinking
{
    /// <summary>Smaller numbers: the least, one half the way there, and one less; none of the least itself.</summary>
    /// <param name="number">The number to make smaller.</param>
    /// <param name="least">The least that is allowed.</param>
    public static IEnumerable<int> Smaller(int number, int least) => new[] { least, least + ((number - least) / 2), number - 1 }.Where(smaller => smaller >= least && smaller < number).Distinct();
}
