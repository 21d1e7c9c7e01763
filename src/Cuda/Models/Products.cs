using System.Globalization;
using System.Runtime.InteropServices;
using TailorKV.Cuda.Compiling;
using TailorKV.Cuda.Driver;
using TailorKV.Cuda.Memory;

namespace TailorKV.Cuda.Models;

/// <summary>Launches products.cu: rows times matrices, and rows of an embedding, for one way in which matrices lie.</summary>
internal sealed class Products
{
    private const int Warps = 4, Threads = 32 * Warps, MostInputs = 16;

    private readonly Card _card;
    private readonly Kernel[] _products;
    private readonly Kernel _embed;

    /// <summary>Has the kernels compiled.</summary>
    /// <param name="card">For which.</param>
    /// <param name="format">How matrices lie.</param>
    public Products(Card card, DeviceFormat format)
    {
        _card = card;
        KernelSource source = SourceOf(format);
        _products = [.. InputCounts.Select(inputs => card.Kernels.Kernel(source, $"product{inputs.ToString(CultureInfo.InvariantCulture)}"))];
        _embed = card.Kernels.Kernel(source, "embed");
    }

    // The kernels there are, by the rows of input that they take at once.
    private static int[] InputCounts => [1, 2, 4, 8, 16];

    /// <summary>The source of a format's kernels.</summary>
    public static KernelSource SourceOf(DeviceFormat format) => new("products", ("WEIGHT", ((int)format).ToString(CultureInfo.InvariantCulture)));

    /// <summary>Up to three products of the same rows.</summary>
    /// <param name="input">[count, columns].</param>
    /// <param name="count">Rows.</param>
    /// <param name="added">What products are multiplied with before they are added to what there is; 0: they take its place.</param>
    /// <param name="outputs">Matrices of as many columns, and where products go, [count, rows].</param>
    public void Multiply(nint input, int count, float added, params ReadOnlySpan<(CudaLinear Linear, nint To)> outputs)
    {
        int kernel = Array.FindIndex(InputCounts, inputs => inputs >= Math.Min(count, MostInputs)), inputs = InputCounts[kernel], rows = inputs == 8 ? 4 : 2;
        ProductArguments arguments = new() { Input = input, Columns = outputs[0].Linear.Matrix.Columns, Count = count, Added = added };
        int tasks = 0;
        for (int i = 0; i < outputs.Length; i++)
        {
            (CudaLinear linear, nint to) = outputs[i];
            arguments.Outputs[i] = new Output(linear.Matrix.Codes, linear.Matrix.Scales, linear.Bias, to, linear.Matrix.Rows);
            tasks += (linear.Matrix.Rows + rows - 1) / rows;
        }

        _products[kernel].Launch(_card.Stream, new Grid((tasks + Warps - 1) / Warps, (count + inputs - 1) / inputs), Threads, arguments);
    }

    /// <summary>Rows of an embedding.</summary>
    /// <param name="matrix">The embedding.</param>
    /// <param name="tokens">The address of the tokens.</param>
    /// <param name="count">How many there are.</param>
    /// <param name="hidden">[count, columns].</param>
    /// <param name="scale">What rows are multiplied with.</param>
    public void Embed(CudaMatrix matrix, nint tokens, int count, nint hidden, float scale) =>
        _embed.Launch(_card.Stream, new Grid(count), Threads, new EmbedArguments(matrix.Codes, matrix.Scales, tokens, hidden, matrix.Columns, scale));

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Output(nint Codes, nint Scales, nint Bias, nint To, int Rows);

    [System.Runtime.CompilerServices.InlineArray(3)]
    private struct ThreeOutputs
    {
        private Output _first;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct ProductArguments
    {
        public ThreeOutputs Outputs;
        public nint Input;
        public int Columns;
        public int Count;
        public float Added;
    }

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct EmbedArguments(nint Codes, nint Scales, nint Tokens, nint Hidden, int Columns, float Scale);
}
