namespace TailorKV.Runtime.Tests.Backends.Cpu.Cache;

/// <summary>What codes decode to beside what the plain twin has.</summary>
internal static class DecodedRows
{
    /// <summary>Compares rows that have been coded, one token after the other from 0.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="decode">Decodes a token's.</param>
    /// <param name="plain">What the twin makes of a row.</param>
    public static void Agree(float[][] rows, Action<int, Span<float>> decode, Func<float[], float[]> plain)
    {
        for (int token = 0; token < rows.Length; token++)
        {
            var row = new float[rows[token].Length];
            decode(token, row);
            float[] expected = plain(rows[token]);
            for (int i = 0; i < row.Length; i++)
                Assert.Equal(expected[i], row[i], 1e-5 * (1 + expected.Max(Math.Abs)));
        }
    }
}
