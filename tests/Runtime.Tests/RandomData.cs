namespace TailorKV.Runtime.Tests;

/// <summary>Numbers from -1 to 1, as many as are asked for, in steps of 2^-<paramref name="Bits"/>. They shrink to -1, 0 and 1.</summary>
public sealed record RandomData(int Seed, int Bits)
{
    public const int FinestBits = 30;

    /// <summary>Choices that are not worth a parameter of their own.</summary>
    /// <param name="stream">Each of these gives other numbers.</param>
    public Random Random(int stream = 0) => new((Seed * 16) + stream);

    /// <summary>A row of numbers, the same whenever it is asked for.</summary>
    public float[] Row(int length, int stream = 0)
    {
        Random random = Random(stream);
        int one = 1 << Bits;
        return [.. Enumerable.Range(0, length).Select(_ => (float)(random.Next(-one, one + 1) / (double)one))];
    }

    /// <summary>Rows of numbers.</summary>
    public float[][] Rows(int count, int length, int stream = 0)
    {
        float[] all = Row(count * length, stream);
        return [.. Enumerable.Range(0, count).Select(row => all[(row * length)..((row + 1) * length)])];
    }
}
