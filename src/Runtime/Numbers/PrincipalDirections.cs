using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Numbers;

/// <summary>
/// The orthonormal directions in which rows are largest: eigenvectors of their second moments. By Householder's reflections to a tridiagonal matrix and the QL method with implicit shifts
/// (Bowdler, Martin, Reinsch and Wilkinson 1968), in double precision and in an order of operations that is the same on every machine.
/// </summary>
internal sealed class PrincipalDirections
{
    // Three are usual.
    private const int MostIterations = 64;

    private readonly float[] _directions;

    private PrincipalDirections(float[] directions, float[] variances) => (_directions, Variances) = (directions, variances);

    /// <summary>The mean square of rows in each direction, the largest first; none below zero.</summary>
    public IReadOnlyList<float> Variances { get; }

    /// <summary>Directions, [dimension, dimension], a row each.</summary>
    public ReadOnlySpan<float> Directions => _directions;

    /// <summary>Finds them.</summary>
    /// <param name="moments">Mean of v v' over rows v, symmetric, [dimension, dimension]; it is overwritten.</param>
    /// <param name="dimension">Elements of a row.</param>
    public static PrincipalDirections Of(double[] moments, int dimension)
    {
        double[] diagonal = new double[dimension], beside = new double[dimension], basis = Tridiagonalize(moments, dimension, diagonal, beside);
        Diagonalize(diagonal, beside, basis);
        int[] order = [.. Enumerable.Range(0, dimension).OrderByDescending(i => diagonal[i])];
        var directions = new float[dimension * dimension];
        for (int i = 0; i < dimension; i++)
        {
            for (int j = 0; j < dimension; j++)
                directions[(i * dimension) + j] = (float)basis[(order[i] * dimension) + j];
        }

        return new PrincipalDirections(directions, [.. order.Select(i => (float)Math.Max(0, diagonal[i]))]);
    }

    /// <summary>Reflects rows and columns until nothing is left but the diagonal and what lies beside it.</summary>
    /// <param name="a">The matrix, of which reflections take the place.</param>
    /// <param name="n">Its dimension.</param>
    /// <param name="diagonal">The diagonal.</param>
    /// <param name="beside">What lies beside it: of each element the one before.</param>
    /// <returns>The basis, a row for each element of the diagonal.</returns>
    private static double[] Tridiagonalize(double[] a, int n, double[] diagonal, double[] beside)
    {
        var basis = new double[n * n];
        for (int i = 0; i < n; i++)
            basis[(i * n) + i] = 1;
        double[] product = new double[n];
        for (int step = 0; step < n - 2; step++)
        {
            // What is left of the column below the diagonal is reflected onto its first element.
            Span<double> vector = a.AsSpan((step * n) + step + 1, n - step - 1);
            double largest = 0;
            foreach (double x in vector)
                largest = Math.Max(largest, Math.Abs(x));
            if (largest == 0)
                continue;
            double length = 0;
            foreach (double x in vector)
                length += x / largest * (x / largest);
            length = Math.Sqrt(length) * largest;
            double reflected = vector[0] > 0 ? -length : length;
            double first = vector[0] - reflected, half = -reflected * first;
            (vector[0], beside[step + 1]) = (first, reflected);

            // With v v' / half, and p = A v / half: A - v q' - q v', q = p - v (v' p) / (2 half).
            int rest = n - step - 1;
            Span<double> p = product.AsSpan(0, rest);
            double along = 0;
            for (int i = 0; i < rest; i++)
            {
                p[i] = Dot(a.AsSpan(((step + 1 + i) * n) + step + 1, rest), vector) / half;
                along += p[i] * vector[i];
            }

            AddScaled(p, vector, -along / (2 * half));
            for (int i = 0; i < rest; i++)
            {
                Span<double> row = a.AsSpan(((step + 1 + i) * n) + step + 1, rest);
                AddScaled(row, p, -vector[i]);
                AddScaled(row, vector, -p[i]);
            }

            // The basis is reflected too, its rows being what the reflected rows are along: B - (v / half) (v' B).
            Span<double> sum = product.AsSpan(0, n);
            sum.Clear();
            for (int i = 0; i < rest; i++)
                AddScaled(sum, basis.AsSpan((step + 1 + i) * n, n), vector[i]);
            for (int i = 0; i < rest; i++)
                AddScaled(basis.AsSpan((step + 1 + i) * n, n), sum, -vector[i] / half);
        }

        for (int i = 0; i < n; i++)
            diagonal[i] = a[(i * n) + i];
        if (n > 1)
            beside[n - 1] = a[((n - 2) * n) + n - 1];
        return basis;
    }

    /// <summary>Turns pairs of neighbours until nothing lies beside the diagonal.</summary>
    private static void Diagonalize(double[] diagonal, double[] beside, double[] basis)
    {
        int n = diagonal.Length;
        // Of each element what lies beside it and the next.
        beside.AsSpan(1).CopyTo(beside);
        beside[n - 1] = 0;
        for (int least = 0; least < n; least++)
        {
            for (int iteration = 0; iteration < MostIterations; iteration++)
            {
                int end = least;
                while (end < n - 1 && Math.Abs(beside[end]) > double.Epsilon + (2e-16 * (Math.Abs(diagonal[end]) + Math.Abs(diagonal[end + 1]))))
                    end++;
                if (end == least)
                    break;
                Turn(least, end, diagonal, beside, basis);
            }
        }
    }

    /// <summary>One step of the QL method, from an element at the end of a block up to its first.</summary>
    private static void Turn(int first, int end, double[] diagonal, double[] beside, double[] basis)
    {
        int n = diagonal.Length;
        double ratio = (diagonal[first + 1] - diagonal[first]) / (2 * beside[first]), root = Length(ratio, 1);
        double g = diagonal[end] - diagonal[first] + (beside[first] / (ratio + (ratio < 0 ? -root : root)));
        double sine = 1, cosine = 1, shift = 0;
        for (int i = end - 1; i >= first; i--)
        {
            double f = sine * beside[i], b = cosine * beside[i], length = Length(f, g);
            beside[i + 1] = length;
            if (length == 0)
            {
                diagonal[i + 1] -= shift;
                beside[end] = 0;
                return;
            }

            (sine, cosine) = (f / length, g / length);
            g = diagonal[i + 1] - shift;
            double between = ((diagonal[i] - g) * sine) + (2 * cosine * b);
            shift = sine * between;
            diagonal[i + 1] = g + shift;
            g = (cosine * between) - b;
            Rotate(basis.AsSpan(i * n, n), basis.AsSpan((i + 1) * n, n), sine, cosine);
        }

        diagonal[first] -= shift;
        beside[first] = g;
        beside[end] = 0;
    }

    private static double Length(double x, double y) => Math.Sqrt((x * x) + (y * y));

    private static void Rotate(Span<double> lower, Span<double> upper, double sine, double cosine)
    {
        int i = 0;
        for (; i <= lower.Length - Vector256<double>.Count; i += Vector256<double>.Count)
        {
            Vector256<double> x = Vector256.Create<double>(lower[i..]), y = Vector256.Create<double>(upper[i..]);
            ((x * sine) + (y * cosine)).CopyTo(upper[i..]);
            ((x * cosine) - (y * sine)).CopyTo(lower[i..]);
        }

        for (; i < lower.Length; i++)
            (lower[i], upper[i]) = ((lower[i] * cosine) - (upper[i] * sine), (lower[i] * sine) + (upper[i] * cosine));
    }

    private static void AddScaled(Span<double> sums, ReadOnlySpan<double> numbers, double factor)
    {
        int i = 0;
        for (; i <= sums.Length - Vector256<double>.Count; i += Vector256<double>.Count)
            (Vector256.Create<double>(sums[i..]) + (Vector256.Create(numbers[i..]) * factor)).CopyTo(sums[i..]);
        for (; i < sums.Length; i++)
            sums[i] += numbers[i] * factor;
    }

    private static double Dot(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        Vector256<double> sums = default;
        int i = 0;
        for (; i <= a.Length - Vector256<double>.Count; i += Vector256<double>.Count)
            sums += Vector256.Create(a[i..]) * Vector256.Create(b[i..]);
        double sum = Vector256.Sum(sums);
        for (; i < a.Length; i++)
            sum += a[i] * b[i];
        return sum;
    }
}
