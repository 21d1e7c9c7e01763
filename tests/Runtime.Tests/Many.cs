namespace TailorKV.Runtime.Tests;

/// <summary>1 to 200 of something: elements of a row, tokens; so that vectors of every width, blocks and tiles are filled, and left unfilled.</summary>
public readonly record struct Many(int Value)
{
    public const int Most = 200;

    public static implicit operator int(Many many) => many.Value;
}
