using TailorKV.Cuda.Driver;
using TailorKV.Cuda.Memory;
using TailorKV.Planner;
using TailorKV.Planner.Models;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Models;

namespace TailorKV.Cuda.Models;

/// <summary>A model's weights on a card, in one allocation.</summary>
internal sealed class CudaModel : DeviceModel
{
    private readonly Backend _backend;
    private readonly ModelFiles _files;
    private readonly CudaArena _memory;

    /// <summary>Brings the weights to the card.</summary>
    /// <param name="backend">The backend.</param>
    /// <param name="card">Its card.</param>
    /// <param name="files">The model.</param>
    public CudaModel(Backend backend, Card card, ModelFiles files)
    {
        (_backend, Card, _files) = (backend, card, files);
        ModelWeights weights = files.Weights;
        Dictionary<StoredTensor, CudaMatrix> matrices = weights.Matrices.ToDictionary(stored => stored, stored => new CudaMatrix(stored));
        long bytes = BytesOf(weights, matrices.Values);
        string what = $"the weights of {Path.GetFileName(files.Path)}";
        if (backend.FreeDeviceBytes is var free && bytes > free)
            throw new CapacityExceededException($"{what} take {bytes} bytes ({ByteSize.Format(bytes)}) of the card, and {free} ({ByteSize.Format(free)}) are free", "Use a smaller model or one in fewer bits, or free memory of the card");
        LaidOutBytes = Math.Max(0, bytes - WeightBytes);
        _memory = new CudaArena(what, bytes, card);
        try
        {
            Embedding = Matrix(weights.Embedding);
            Output = Matrix(weights.Output);
            FinalNorm = Vector(weights.FinalNorm);
            Layers = [.. weights.Layers.Select(Layer)];
        }
        catch
        {
            _memory.Dispose();
            throw;
        }

        CudaLayer Layer(LayerWeights layer) => new()
        {
            AttentionNorm = Vector(layer.AttentionNorm),
            AttentionOutputNorm = Vector(layer.AttentionOutputNorm),
            FeedForwardNorm = Vector(layer.FeedForwardNorm),
            FeedForwardOutputNorm = Vector(layer.FeedForwardOutputNorm),
            QueryNorm = new CudaLayer.HeadNorm(Vector(layer.QueryNorm), layer.QueryNorm?.Length ?? 0),
            KeyNorm = new CudaLayer.HeadNorm(Vector(layer.KeyNorm), layer.KeyNorm?.Length ?? 0),
            Query = new CudaLinear(Matrix(layer.Query), Vector(layer.QueryBias)),
            Key = new CudaLinear(Matrix(layer.Key), Vector(layer.KeyBias)),
            Value = new CudaLinear(Matrix(layer.Value), Vector(layer.ValueBias)),
            AttentionOutput = new CudaLinear(Matrix(layer.AttentionOutput), Vector(layer.OutputBias)),
            Gate = new CudaLinear(Matrix(layer.Gate), Vector(layer.GateBias)),
            Up = new CudaLinear(Matrix(layer.Up), Vector(layer.UpBias)),
            Down = new CudaLinear(Matrix(layer.Down), Vector(layer.DownBias)),
        };

        CudaMatrix Matrix(StoredTensor stored)
        {
            CudaMatrix matrix = matrices[stored];
            if (matrix.Codes == 0)
            {
                using (Card.Use())
                    matrix.Bring(_memory.TakeBytes(matrix.Bytes), Card.Stream);
            }

            return matrix;
        }

        nint Vector(float[]? numbers)
        {
            if (numbers is null)
                return 0;
            CudaTensor tensor = _memory.TakeTensor(numbers.Length);
            tensor.Write(numbers);
            return tensor.Address;
        }
    }

    /// <summary>Bytes that weights take on a card.</summary>
    /// <param name="weights">The weights.</param>
    public static long BytesOf(ModelWeights weights) => BytesOf(weights, weights.Matrices.Select(stored => new CudaMatrix(stored)));

    /// <summary>The card.</summary>
    public Card Card { get; }

    /// <summary>[vocabulary, hidden].</summary>
    public CudaMatrix Embedding { get; }

    /// <summary>[vocabulary, hidden]; the embedding itself where they are tied.</summary>
    public CudaMatrix Output { get; }

    /// <summary>The address of [hidden].</summary>
    public nint FinalNorm { get; }

    /// <summary>The layers, first to last.</summary>
    public IReadOnlyList<CudaLayer> Layers { get; }

    /// <inheritdoc/>
    public override Backend Backend => _backend;

    /// <inheritdoc/>
    public override long WeightBytes => _files.Weights.StoredBytes;

    /// <inheritdoc/>
    /// <remarks>What they take on the card beyond their stored size.</remarks>
    public override long LaidOutBytes { get; }

    /// <inheritdoc/>
    public override CudaTransformer CreateTransformer(int context) => new(_files, this, context);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => _memory.Dispose();

    private static long BytesOf(ModelWeights weights, IEnumerable<CudaMatrix> matrices) =>
        matrices.Sum(matrix => matrix.Bytes) + weights.Layers.SelectMany(layer => layer.Vectors).Append(weights.FinalNorm).Sum(vector => CacheBytes.Align(vector.Length * (long)sizeof(float)));
}
