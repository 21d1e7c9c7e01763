namespace TailorKV.Quality;

/// <summary>The orthonormal directions in which rows are largest, by Jacobi's rotations of their second moments.</summary>
internal sealed class PrincipalDirections
{
    private const int Sweeps = 30;

    private PrincipalDirections(float[][] directions, float[] sizes) => (Directions, Sizes) = (directions, sizes);

    /// <summary>Directions, the largest first, [dimension][dimension].</summary>
    public IReadOnlyList<float[]> Directions { get; }

    /// <summary>Root mean square of rows in each.</summary>
    public IReadOnlyList<float> Sizes { get; }

    /// <summary>Finds them.</summary>
    /// <param name="moments">Mean of v v' over rows v, symmetric; it is overwritten.</param>
    public static PrincipalDirections Of(double[,] moments)
    {
        int n = moments.GetLength(0);
        var basis = new double[n, n];
        for (int i = 0; i < n; i++)
            basis[i, i] = 1;
        for (int sweep = 0; sweep < Sweeps; sweep++)
        {
            for (int p = 0; p < n; p++)
            {
                for (int q = p + 1; q < n; q++)
                {
                    if (moments[p, q] == 0)
                        continue;
                    double half = (moments[q, q] - moments[p, p]) / (2 * moments[p, q]);
                    double tangent = (half < 0 ? -1 : 1) / (Math.Abs(half) + Math.Sqrt((half * half) + 1)), cosine = 1 / Math.Sqrt((tangent * tangent) + 1), sine = tangent * cosine;
                    for (int i = 0; i < n; i++)
                        (moments[i, p], moments[i, q]) = ((cosine * moments[i, p]) - (sine * moments[i, q]), (sine * moments[i, p]) + (cosine * moments[i, q]));
                    for (int i = 0; i < n; i++)
                    {
                        (moments[p, i], moments[q, i]) = ((cosine * moments[p, i]) - (sine * moments[q, i]), (sine * moments[p, i]) + (cosine * moments[q, i]));
                        (basis[i, p], basis[i, q]) = ((cosine * basis[i, p]) - (sine * basis[i, q]), (sine * basis[i, p]) + (cosine * basis[i, q]));
                    }
                }
            }
        }

        int[] order = [.. Enumerable.Range(0, n).OrderByDescending(i => moments[i, i])];
        return new PrincipalDirections(
            [.. order.Select(column => Enumerable.Range(0, n).Select(i => (float)basis[i, column]).ToArray())],
            [.. order.Select(i => (float)Math.Sqrt(Math.Max(0, moments[i, i])))]);
    }
}
