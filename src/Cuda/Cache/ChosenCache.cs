using System.Runtime.InteropServices;
using TailorKV.Cuda.Driver;
using TailorKV.Cuda.Memory;
using TailorKV.Planner;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends;

namespace TailorKV.Cuda.Cache;

/// <summary>
/// Sinks and a window exact on the card, rows of all between exact on the host; coded keys choose of those the tokens whose rows a step fetches. A refined layer sees all others by their codes, a retrieved one
/// none. Launches chosen.cu.
/// </summary>
internal sealed class ChosenCache : CudaLayerCache
{
    // Rows that a block of attention fetches, about; and blocks that rate tokens, for each KV head.
    private const int RowsOfSplit = 64, MostChosenSplits = 16, RatingTokens = 1024, MostRatingBlocks = 64, ChoosingThreads = 1024;

    private readonly AttentionShape _shape;
    private readonly CodedWindow _window;
    private readonly Merge _merge;
    private readonly DeviceMemory _scratch;
    private readonly Kernel _score;
    private readonly Kernel _rate;
    private readonly Kernel _choose;
    private readonly Kernel _attend;
    private readonly Choosing _choosing;
    private readonly nint _partials;
    private readonly int _splits;
    private readonly int _chosenSplits;
    private readonly int _ratingBlocks;
    private readonly bool _dropsTokens;

    /// <summary>Takes the memory.</summary>
    /// <param name="policy">How the layer is kept.</param>
    /// <param name="choice">The tokens that are chosen.</param>
    /// <param name="keys">The keys' codes.</param>
    /// <param name="values">The values' codes; null for a retrieved layer.</param>
    /// <param name="request">What it is made for, and of.</param>
    private ChosenCache(OffloadedPolicy policy, int choice, CodeFormat keys, CodeFormat? values, CacheRequest request)
        : base(request)
    {
        if (policy.HostRows is { } rows)
            throw Lacks.HostRows(rows);
        (_shape, _merge, _dropsTokens) = (new AttentionShape(Layer, mostQueries: 4), new Merge(Card), values is null);
        _window = new CodedWindow(policy, keys, values, values is null ? "retrieved" : "refined", _shape, request);
        (_score, _rate) = (Card.Kernels.Kernel(_window.Source, "score"), Card.Kernels.Kernel(_window.Source, "rate"));
        (_choose, _attend) = (Card.Kernels.Kernel(_window.Source, "choose"), Card.Kernels.Kernel(_window.Source, "attendChosen"));
        int middle = policy.MiddleTokens(request.Context), topK = Math.Min(choice, middle), coded = _shape.Splits(Layer.KvHeads, middle, Card.Context.Processors);
        _chosenSplits = Math.Clamp((topK + RowsOfSplit - 1) / RowsOfSplit, 1, MostChosenSplits);
        _splits = 1 + _chosenSplits + (values is null ? 0 : coded);
        _ratingBlocks = Math.Clamp((middle + RatingTokens - 1) / RatingTokens, 1, MostRatingBlocks);
        // Staging is of one layer at a time: what orders tokens, and which are chosen; what plans grant for fetched rows is left, for they are read where they lie.
        long head = policy.BytesPerKvHead(Layer, request.Context).Staging, mass = CacheBytes.Align(middle * (long)sizeof(float));
        nint staging = request.Staging.TakeBytes(Layer.KvHeads * head);
        long statistics = CacheBytes.Align((long)Layer.Heads * (1 + coded) * 2 * sizeof(float));
        _scratch = Card.Scratch(statistics + ((long)Layer.Heads * _splits * _shape.Partial * sizeof(float)));
        _partials = _scratch.Address + (nint)statistics;
        _choosing = new Choosing(0, _scratch.Address, staging, staging + (nint)mass, head / sizeof(float), head / sizeof(float), MemoryModel.ScoreRow(request.Context), topK, 1 + coded);
    }

    /// <summary>A refined layer's.</summary>
    /// <exception cref="TailorKVException">There are no kernels for its host rows.</exception>
    public static ChosenCache Refined(RefinedPolicy policy, CacheRequest request) => new(policy, policy.TopK, policy.Keys, policy.Values, request);

    /// <summary>A retrieved layer's.</summary>
    /// <exception cref="TailorKVException">There are no kernels for its host rows, its index, or its tail.</exception>
    public static ChosenCache Retrieved(RetrievedPolicy policy, CacheRequest request) =>
        policy.TailWeight > 0 ? throw Lacks.Tail()
        : policy.Index is CodedKeys index ? new(policy, policy.TopK, index.Keys, values: null, request) : throw Lacks.Index(policy.Index);

    /// <inheritdoc/>
    public override void Launch(nint position, int count, Workspace workspace)
    {
        int size = Layer.Heads * Layer.HeadDim * sizeof(float);
        Choosing choosing = _choosing with { Scores = workspace.Scores.Address() };
        for (int row = 0; row < count; row++)
        {
            nint queries = workspace.Queries.Address() + (row * size);
            _window.Append(position, row, workspace);
            ScoreArguments arguments = new(_window.At(position, row), choosing, queries, _shape.QueriesOfHead, Cap);
            _score.Launch(Card.Stream, new Grid(Layer.KvHeads, choosing.Splits, _shape.Parts), AttentionShape.Threads, arguments);
            _rate.Launch(Card.Stream, new Grid(Layer.KvHeads, _ratingBlocks), AttentionShape.Threads, arguments);
            _choose.Launch(Card.Stream, new Grid(Layer.KvHeads), ChoosingThreads, arguments);
            _attend.Launch(Card.Stream, new Grid(Layer.KvHeads, _splits, _shape.Parts), AttentionShape.Threads,
                new AttendArguments(arguments.State, choosing, queries, _partials, _splits, _chosenSplits, _shape.QueriesOfHead, Cap));
            _merge.Run(_partials, workspace.Attended.Address() + (row * size), Layer.Heads, Layer.HeadDim, _splits, _window.ValuesTurned ? 1 + _chosenSplits : null);
        }
    }

    /// <inheritdoc/>
    public override ReadOnlySpan<float> ChoosingMass(int kvHead, out int sinks)
    {
        if (!_dropsTokens)
            return base.ChoosingMass(kvHead, out sinks);
        sinks = _window.Sinks(Tokens);
        var mass = new float[_window.Middle(Tokens)];
        new CudaTensor(Card, _choosing.Mass + (nint)(kvHead * _choosing.MassStride * sizeof(float)), mass.Length).Read(mass);
        return mass;
    }

    /// <inheritdoc/>
    protected override void Store(nint keys, nint values, long stride, int tokens) => _window.Store(keys, values, stride, tokens);

    /// <summary>Choosing of chosen.cuh.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Choosing(nint Scores, nint Statistics, nint Mass, nint Chosen, long MassStride, long ChosenStride, int ScoreRow, int TopK, int Splits);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct ScoreArguments(CodedWindow.State State, Choosing Choosing, nint Queries, int Group, float Cap);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct AttendArguments(CodedWindow.State State, Choosing Choosing, nint Queries, nint Partials, int Splits, int ChosenSplits, int Group, float Cap);
}
