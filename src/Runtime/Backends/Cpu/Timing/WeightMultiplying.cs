using TailorKV.Runtime.Backends.Cpu.Products;
using TailorKV.Runtime.Backends.Cpu.Threads;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Weights;

namespace TailorKV.Runtime.Backends.Cpu.Timing;

/// <summary>A decoder layer's seven products by one token.</summary>
internal sealed class WeightMultiplying : TimedWork
{
    /// <summary>The matrices' sizes over the hidden states' length: four query heads share a KV head, and the feed-forward is three times as wide as the hidden states.</summary>
    public static readonly (double Rows, double Columns)[] Products = [(1, 1), (0.25, 1), (0.25, 1), (1, 1), (3, 1), (3, 1), (1, 3)];

    private readonly string _path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
    private readonly MappedFile _file;
    private readonly WeightMatrix[] _matrices;
    private readonly float[] _input;
    private readonly float[] _output;

    public WeightMultiplying(WorkerPool pool, WeightType type, int hidden)
    {
        _input = new float[3 * hidden];
        _output = new float[3 * hidden];
        _input.AsSpan().Fill(1);
        long[][] shapes = [.. Products.Select(product => new[] { (long)(product.Rows * hidden), (long)(product.Columns * hidden) })];
        try
        {
            Write(_path, shapes.Sum(shape => WeightFormat.Of(type).ByteLength(shape[0] * shape[1])));
            _file = MappedFile.Open(_path);
            long offset = 0;
            _matrices = new WeightMatrix[shapes.Length];
            for (int i = 0; i < shapes.Length; i++)
            {
                var tensor = new StoredTensor(_file, "weights", type, shapes[i], offset);
                offset += tensor.ByteLength;
                _matrices[i] = new WeightMatrix(tensor, pool);
            }
        }
        catch
        {
            File.Delete(_path);
            throw;
        }

        Amount = shapes.Sum(shape => (double)shape[0] * shape[1]);
    }

    public override double Amount { get; }

    public override void Run()
    {
        foreach (WeightMatrix matrix in _matrices)
            matrix.Multiply(_input, 1, _output);
    }

    protected override void Dispose(bool disposing)
    {
        _file.Dispose();
        File.Delete(_path);
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
