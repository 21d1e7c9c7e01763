using TailorKV.Planner.Profiles;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Models;
using TailorKV.Runtime.Weights;
using TailorKV.Torch.Memory;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Model;

/// <summary>A model's weights as tensors of a libtorch device; blocks are decoded when they are loaded.</summary>
internal sealed class TorchModel : DeviceModel
{
    // Elements that are decoded before they go to the device.
    private const int Piece = 1 << 22;

    private readonly Backend _backend;
    private readonly ModelFiles _files;
    private readonly Device _device;
    private readonly List<Tensor> _tensors = [];

    /// <summary>Brings the weights to the device.</summary>
    /// <param name="backend">The backend.</param>
    /// <param name="files">The model.</param>
    /// <param name="device">The device.</param>
    /// <param name="type">The type that matrices have there, but for those that are stored in f32.</param>
    public TorchModel(Backend backend, ModelFiles files, Device device, ScalarType type)
    {
        (_backend, _files, _device) = (backend, files, device);
        ModelWeights weights = files.Weights;
        try
        {
            Embedding = Matrix(weights.Embedding, type);
            Output = weights.Output == weights.Embedding ? Embedding : Matrix(weights.Output, type);
            FinalNorm = Vector(weights.FinalNorm)!;
            Layers = [.. weights.Layers.Select(layer => new TorchLayer(layer, tensor => Matrix(tensor, type), Vector))];
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>[vocabulary, hidden].</summary>
    public Tensor Embedding { get; }

    /// <summary>[vocabulary, hidden]; the embedding itself where they are tied.</summary>
    public Tensor Output { get; }

    /// <summary>[hidden].</summary>
    public Tensor FinalNorm { get; }

    /// <summary>The layers, first to last.</summary>
    public IReadOnlyList<TorchLayer> Layers { get; } = [];

    /// <inheritdoc/>
    public override Backend Backend => _backend;

    /// <inheritdoc/>
    public override long WeightBytes => _files.Weights.StoredBytes;

    /// <inheritdoc/>
    /// <remarks>What they take on the device beyond their stored size.</remarks>
    public override long LaidOutBytes => Math.Max(0, _tensors.Sum(tensor => tensor.numel() * tensor.element_size()) - WeightBytes);

    /// <summary>Bytes of device memory that weights will take.</summary>
    /// <param name="weights">As they are stored.</param>
    /// <param name="type">The type that matrices will have, but for those that are stored in f32.</param>
    public static long BytesOf(ModelWeights weights, ScalarType type) =>
        weights.Matrices.Sum(matrix => matrix.Shape[0] * matrix.Shape[1] * TypeOf(matrix, type).ElementSize())
        + (sizeof(float) * weights.Layers.SelectMany(layer => layer.Vectors).Append(weights.FinalNorm).Sum(vector => (long)vector.Length));

    /// <inheritdoc/>
    public override TorchTransformer CreateTransformer(int context) => new(_files, this, _device, context);

    /// <inheritdoc/>
    public override IReadOnlyList<LayerGradients> Gradients(ReadOnlySpan<int> tokens, int context, CancellationToken cancellation = default)
    {
        int[] text = tokens.ToArray();
        return Scarcity.Named(() => new TextGradients(this, CreateTransformer(context), text, cancellation).Measure(), $"gradients over {text.Length} tokens");
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        foreach (Tensor tensor in _tensors)
            tensor.Dispose();
        _tensors.Clear();
    }

    private static ScalarType TypeOf(StoredTensor stored, ScalarType type) => stored.Type == WeightType.F32 ? ScalarType.Float32 : type;

    private Tensor Matrix(StoredTensor stored, ScalarType type)
    {
        long rows = stored.Shape[0];
        int columns = (int)stored.Shape[1], some = (int)Math.Min(rows, Math.Max(1, Piece / columns));
        Tensor matrix = Kept(empty([rows, columns], TypeOf(stored, type), _device));
        var numbers = new float[some * columns];
        for (long first = 0; first < rows; first += some)
        {
            using var scope = NewDisposeScope();
            int count = (int)Math.Min(some, rows - first);
            long start = first;
            Parallel.For(0, count, row => stored.DecodeRow(start + row, numbers.AsSpan(row * columns, columns)));
            matrix.narrow(0, first, count).copy_(tensor(numbers, ScalarType.Float32).narrow(0, 0, count * columns).view(count, columns));
        }

        return matrix;
    }

    private Tensor? Vector(float[]? numbers) => numbers is null ? null : Kept(tensor(numbers, ScalarType.Float32, _device));

    private Tensor Kept(Tensor tensor)
    {
        _tensors.Add(tensor.DetachFromDisposeScope());
        return tensor;
    }
}
