using TailorKV.Planner;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;
using TailorKV.Runtime.Architectures;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Backends.Cpu;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Models;
using TailorKV.Runtime.Sessions;
using TailorKV.Runtime.Tokenizers;

namespace TailorKV.Runtime;

/// <summary>
/// A language model whose weights lie mapped in its files, and are brought to the backend's device when the first session or measurement needs them there. Sessions share it; it must outlive them.
/// </summary>
public sealed class CausalLanguageModel : IDisposable
{
    private readonly ModelFiles _files;
    private readonly Backend? _ownBackend;
    private readonly Lazy<ModelFingerprint> _fingerprint;
    private readonly Lazy<Tokenizer> _tokenizer;
    private readonly Lazy<ChatTemplate?> _chatTemplate;
    private readonly Lock _loading = new();
    private volatile DeviceModel? _deviceModel;
    private bool _disposed;

    private CausalLanguageModel(ModelFiles files, Backend? backend)
    {
        _files = files;
        Backend = backend ?? (_ownBackend = new CpuBackend());
        _fingerprint = new Lazy<ModelFingerprint>(() => new ModelFingerprint
        {
            Name = files.Name,
            Shape = Shape,
            WeightBytes = files.Weights.StoredBytes,
            LaidOutBytes = Backend.MemoryOf(files).LaidOutBytes,
            WeightsHash = "xxh128:" + files.Hash(),
        });
        _tokenizer = new Lazy<Tokenizer>(() => LoadTokenizer(files));
        _chatTemplate = new Lazy<ChatTemplate?>(
            () => files.GgufMetadata is { } metadata ? ChatTemplate.FromGguf(metadata, files.Path) : ChatTemplate.FromFolder(files.Path));
    }

    /// <summary>The folder, file or first shard the model was loaded from.</summary>
    public string Path => _files.Path;

    /// <summary>What was chosen or passed over in reading the model, a sentence each. What was in reading its tokenizer: <see cref="Tokenizer.Remarks"/>.</summary>
    public IReadOnlyList<string> Remarks => _files.Remarks;

    /// <summary>Its configuration.</summary>
    internal ModelConfig Config => _files.Config;

    /// <summary>Its weights.</summary>
    public ModelWeights Weights => _files.Weights;

    /// <summary>Its sizes.</summary>
    public ModelShape Shape => _files.Shape;

    /// <summary>What a profile or plan must have been made for. Reads all weights at the first call.</summary>
    public ModelFingerprint Fingerprint => _fingerprint.Value;

    /// <summary>The tokenizer that comes with the model.</summary>
    /// <exception cref="InvalidFileException">There is none, or it is malformed.</exception>
    /// <exception cref="UnsupportedModelException">It is of a kind that is not supported.</exception>
    public Tokenizer Tokenizer => _tokenizer.Value;

    /// <summary>The chat template that comes with the model, or null.</summary>
    /// <exception cref="InvalidFileException">It is malformed.</exception>
    /// <exception cref="UnsupportedModelException">It uses what is not supported.</exception>
    public ChatTemplate? ChatTemplate => _chatTemplate.Value;

    /// <summary>What it runs on.</summary>
    public Backend Backend { get; }

    /// <summary>Whether the weights have been brought to the device.</summary>
    public bool IsLoaded => _deviceModel is not null;

    /// <summary>The weights on the device, brought there by the first who asks. A failure is not remembered: there may be more memory later.</summary>
    internal DeviceModel DeviceModel
    {
        get
        {
            if (_deviceModel is { } loaded)
                return loaded;
            lock (_loading)
            {
                ObjectDisposedException.ThrowIf(_disposed, this);
                return _deviceModel ??= Backend.Load(_files);
            }
        }
    }

    /// <summary>Opens a Hugging Face folder or a GGUF file. No weights are brought to the device yet.</summary>
    /// <param name="path">A folder with config.json and safetensors, or with one GGUF model alone, or a GGUF file, of several shards the first.</param>
    /// <param name="backend">What it runs on, shared with other models, and to be disposed of after them; null for one of its own with the default options.</param>
    /// <exception cref="InvalidFileException">A file is missing, truncated or inconsistent.</exception>
    /// <exception cref="UnsupportedModelException">The architecture, a tensor type or the RoPE scaling is not supported.</exception>
    public static CausalLanguageModel Load(string path, Backend? backend = null)
    {
        ModelFiles files = ModelFiles.Open(path);
        try
        {
            if (files.Shape.Problem() is { } problem)
                throw new UnsupportedModelException(path, problem, "Use a model within these bounds");
            return new CausalLanguageModel(files, backend);
        }
        catch
        {
            files.Dispose();
            throw;
        }
    }

    /// <summary>Refuses work that needs more memory than there is free, together with the weights where they are not on the device yet.</summary>
    /// <param name="deviceBytes">What it needs on the device besides the weights.</param>
    /// <param name="hostBytes">What it needs on the host besides the weights.</param>
    /// <param name="what">What it is.</param>
    /// <exception cref="CapacityExceededException">There is less.</exception>
    public void RequireFree(long deviceBytes, long hostBytes, string what)
    {
        if (IsLoaded)
        {
            Backend.RequireFree(deviceBytes, hostBytes, what);
            return;
        }

        WeightMemory weights = Backend.MemoryOf(_files);
        Backend.RequireFree(deviceBytes + weights.DeviceBytes, hostBytes + weights.HostBytes, $"{what}, the weights of {_files.Name} included,");
    }

    /// <summary>Checks that a plan is for this model and consistent in itself, and that what a session of it takes is free, the weights included where they are not on the device yet.</summary>
    /// <exception cref="TailorKVException">It is for another model, or contradicts itself.</exception>
    /// <exception cref="CapacityExceededException">The machine has not that much memory free.</exception>
    public void RequirePlan(Plan plan)
    {
        // Before the weights are read for their hash, which for a large model takes a while.
        if (plan.Model.Shape.Equals(Shape) && plan.Model.WeightBytes == Weights.StoredBytes && plan.Problem() is null)
        {
            MemoryBreakdown memory = plan.Memory.OfOne(plan.Target.Batch);
            RequireFree(memory.Device - memory.Weights, memory.Host - memory.HostWeights, $"a session of {plan.Target.Context} tokens");
        }

        if (plan.Model.DifferenceFrom(Fingerprint) is { } difference)
        {
            throw new TailorKVException(
                $"the plan is for the model \"{plan.Model.Name}\": {difference}", "Make a plan from a profile of this model with 'tailorkv profile' and 'tailorkv plan'", Path);
        }

        if (plan.Problem() is { } problem)
            throw new TailorKVException($"the plan contradicts itself: {problem}", "Make the plan again with 'tailorkv plan'");
    }

    /// <summary>The model's arithmetic on its backend, in sessions of one context: what measurements take single layers through.</summary>
    /// <param name="context">The most tokens.</param>
    public Transformer CreateTransformer(int context) => DeviceModel.CreateTransformer(context);

    /// <inheritdoc cref="DeviceModel.Gradients"/>
    public IReadOnlyList<LayerGradients> Gradients(ReadOnlySpan<int> tokens, int context, CancellationToken cancellation = default) => DeviceModel.Gradients(tokens, context, cancellation);

    /// <summary>Starts a session that holds to a plan; takes all its memory.</summary>
    /// <exception cref="TailorKVException">The plan is for another model, or contradicts itself.</exception>
    /// <exception cref="CapacityExceededException">The machine has not that much memory free.</exception>
    public Session CreateSession(Plan plan)
    {
        RequirePlan(plan);
        // What files of earlier releases do not count is taken all the same.
        return new Session(_files, DeviceModel, (plan with { Model = plan.Model with { LaidOutBytes = Fingerprint.LaidOutBytes } }).WithAllParts());
    }

    /// <summary>Starts a session that keeps every layer in full.</summary>
    /// <param name="context">Tokens it can hold.</param>
    /// <param name="precision">How keys and values are stored.</param>
    /// <param name="prefillChunk">Tokens processed at once.</param>
    /// <exception cref="CapacityExceededException">The machine has not that much memory free.</exception>
    public Session CreateFullSession(
        int context, ExactPrecision precision = ExactPrecision.BFloat16, int prefillChunk = PlanTarget.DefaultPrefillChunk) =>
        CreateSession(Plan.Uniform(Fingerprint, context, new FullPolicy(precision), prefillChunk));

    /// <summary>Closes the files, gives back the memory of the weights, and ends the threads of a backend of its own.</summary>
    public void Dispose()
    {
        lock (_loading)
            _disposed = true;
        _files.Dispose();
        _deviceModel?.Dispose();
        _ownBackend?.Dispose();
    }

    private static Tokenizer LoadTokenizer(ModelFiles files)
    {
        int vocabulary = files.Config.VocabularySize;
        Tokenizer tokenizer = files.GgufMetadata is { } metadata ? Tokenizer.FromGguf(metadata, files.Path, vocabulary)
            : files.TokenizerPath is { } path ? Tokenizer.FromJson(path, vocabulary)
            : throw new InvalidFileException(files.Path, "there is no tokenizer.json", "Put the model's tokenizer.json beside its config.json");
        return tokenizer.VocabularySize <= vocabulary
            ? tokenizer
            : throw new InvalidFileException(
                files.Path, $"the tokenizer has {tokenizer.VocabularySize} entries and the model's vocabulary {vocabulary}",
                "Put the model's own tokenizer beside it");
    }
}
