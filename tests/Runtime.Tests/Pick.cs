namespace TailorKV.Runtime.Tests;

/// <summary>One of as many as there turn out to be; shrinks to the first.</summary>
public readonly record struct Pick(int Value)
{
    /// <summary>0 to one less than the count.</summary>
    public int Of(int count) => Value % count;

    public T Of<T>(params IReadOnlyList<T> choices) => choices[Of(choices.Count)];
}
