namespace TailorKV.Runtime.Tests;

/// <summary>One of as many as there turn out to be; shrinks to the first.</summary>
public readonly record struct Pick(int Value)
{
    public const int Most = 999_999;

    /// <summary>0 to one less than the count.</summary>
    public int Of(int count) => Value % count;

    /// <summary>One of the choices.</summary>
    public T Of<T>(params IReadOnlyList<T> choices) => choices[Of(choices.Count)];
}
