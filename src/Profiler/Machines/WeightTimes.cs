using TailorKV.Runtime.Backends.Cpu;
using TailorKV.Runtime.Backends.Cpu.Products;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Weights;

namespace TailorKV.Profiler.Machines;

/// <summary>Times of a decoder layer's seven products by one token, in several types of weights and at several sizes.</summary>
internal static class WeightTimes
{
    // Four query heads share a KV head, and the feed-forward is three times as wide as the hidden states.
    private static readonly (double Rows, double Columns)[] Products = [(1, 1), (0.25, 1), (0.25, 1), (1, 1), (3, 1), (3, 1), (1, 3)];
    private static readonly WeightType[] Types = [WeightType.BF16, WeightType.Q8_0, WeightType.Q4_1, WeightType.Q4_K];

    public static IEnumerable<TimeSample> Measure(CpuBackend backend, MachineRequest request, MedianTime time, IProgress<double>? progress, CancellationToken cancellation)
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            int largest = request.HiddenSizes[^1];
            Write(path, Products.Sum(product => (long)(product.Rows * largest * product.Columns * largest) * sizeof(ushort)));
            using MappedFile file = MappedFile.Open(path);
            var input = new float[3 * largest];
            var output = new float[3 * largest];
            input.AsSpan().Fill(1);
            for (int size = 0; size < request.HiddenSizes.Count; size++)
            {
                for (int i = 0; i < Types.Length; i++)
                {
                    progress?.Report((size + ((double)i / Types.Length)) / request.HiddenSizes.Count);
                    WeightMatrix[] matrices = [.. Matrices(backend, file, request.HiddenSizes[size], Types[i])];
                    double seconds = time.Of(() => Array.ForEach(matrices, matrix => matrix.Multiply(input, 1, output)), cancellation);
                    yield return new TimeSample(matrices.Sum(matrix => (double)matrix.Rows * matrix.Columns), seconds);
                }
            }
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static IEnumerable<WeightMatrix> Matrices(CpuBackend backend, MappedFile file, int hidden, WeightType type)
    {
        long offset = 0;
        foreach ((double rows, double columns) in Products)
        {
            var tensor = new StoredTensor(file, "weights", type, [(long)(rows * hidden), (long)(columns * hidden)], offset);
            offset += tensor.ByteLength;
            yield return new WeightMatrix(tensor, backend.Pool);
        }
    }

    private static void Write(string path, long bytes)
    {
        // Halves of 0x3C3C are about 1 as fp16 and 0.01 as bf16: all weights and scales are ordinary numbers, whatever the type.
        var block = new byte[1 << 20];
        block.AsSpan().Fill(0x3C);
        using FileStream stream = File.Create(path);
        for (long left = bytes; left > 0; left -= block.Length)
            stream.Write(block, 0, (int)Math.Min(left, block.Length));
    }
}
