namespace TailorKV.Runtime.Tests;

/// <summary>1 to 9 of something: heads, queries, rows. Not <see cref="FsCheck.PositiveInt"/>, whose range is divided among a property's parameters.</summary>
public readonly record struct Few(int Value)
{
    public const int Most = 9;

    public static implicit operator int(Few few) => few.Value;
}
