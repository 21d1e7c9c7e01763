using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Codes;
using TailorKV.Runtime.Backends.Cpu.Cache.Exact;
using TailorKV.Runtime.Backends.Cpu.Kernels;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Cache.Heads;

/// <summary>
/// Keys and values of one KV head's middle in host memory, and the few of them that a step has chosen and fetched. Coded rows are turned by a Hadamard matrix, and stay so when they are fetched: queries
/// are turned once to meet them, and sums of values turned back.
/// </summary>
internal sealed class HostRows
{
    /// <summary>Below it, probabilities of single precision run out of digits, and then are all the same: none.</summary>
    public const float LeastMass = 1e-30f;

    // Rows asked for before they are read.
    private const int Ahead = 8;

    private readonly int _headDim;
    private readonly int _topK;
    private readonly bool _turned;
    private readonly IRows _keys;
    private readonly IRows _values;
    private readonly NativeBuffer<float> _fetchedKeys;
    private readonly NativeBuffer<float> _fetchedValues;
    private readonly NativeBuffer<int> _chosen;
    private readonly NativeBuffer<float> _mass;
    private readonly RowKernel _kernel;
    private int _fetched;

    public HostRows(OffloadedPolicy policy, int topK, int tokens, int headDim, Arena host, Arena staging)
    {
        _headDim = headDim;
        _topK = Math.Min(topK, tokens);
        _turned = policy.HostRows is not null;
        _keys = Rows(policy, tokens, headDim, host);
        _values = Rows(policy, tokens, headDim, host);
        _fetchedKeys = staging.Take<float>((long)_topK * headDim);
        _fetchedValues = staging.Take<float>((long)_topK * headDim);
        _chosen = staging.Take<int>(_topK);
        _mass = staging.Take<float>(tokens);
        _kernel = RowKernel.OfSingles(headDim, VectorWidth.Widest);
    }

    public void Write(int first, ReadOnlySpan<float> keys, ReadOnlySpan<float> values)
    {
        Write(_keys, first, keys);
        Write(_values, first, values);
    }

    /// <summary>Rows of a number for each token chosen that there is room for, one at least.</summary>
    public int RoomRows => (int)Math.Max(1, _mass.Length / Math.Max(1, _fetched));

    /// <summary>Room for rows of a number for each token chosen; what choosing kept there is done with.</summary>
    public Span<float> Room(int rows) => _mass.Slice(0, rows * _fetched);

    /// <summary>
    /// The probability of each of the middle's tokens, summed over the query group and among all that a query sees, so that a query that looks elsewhere has less of a
    /// say; or what orders as they do. Filled before <see cref="Choose"/>, and there until <see cref="Room"/> is used.
    /// </summary>
    public Span<float> Mass(int tokens) => _mass.Slice(0, tokens);

    /// <summary>The tokens chosen last, in ascending order.</summary>
    public ReadOnlySpan<int> Chosen => _chosen.Slice(0, _fetched);

    /// <summary>Chooses the tokens of most probability.</summary>
    /// <param name="tokens">The middle's tokens, whose <see cref="Mass"/> has been filled.</param>
    /// <returns>Whether what was chosen has probabilities that can be told from those of what was not.</returns>
    public bool Choose(int tokens)
    {
        _fetched = Math.Min(_topK, tokens);
        Span<int> chosen = _chosen.Slice(0, _fetched);
        Span<float> mass = Mass(tokens);
        TopK.Select(mass, chosen);
        float least = float.PositiveInfinity;
        foreach (int token in chosen)
            least = Math.Min(least, mass[token]);
        return chosen.Length == tokens || least >= LeastMass;
    }

    /// <summary>Fetches the rows of the tokens chosen.</summary>
    public void Fetch()
    {
        ReadOnlySpan<int> chosen = Chosen;
        for (int i = 0; i < chosen.Length; i++)
        {
            // Rows lie scattered: the wait for one passes while others are read.
            if (i + Ahead < chosen.Length)
            {
                _keys.Prefetch(chosen[i + Ahead]);
                _values.Prefetch(chosen[i + Ahead]);
            }

            _keys.Read(chosen[i], _fetchedKeys.Slice((long)i * _headDim, _headDim));
            _values.Read(chosen[i], _fetchedValues.Slice((long)i * _headDim, _headDim));
        }
    }

    /// <summary>For each of the queries [n, headDim]: scores[query * stride + i] = query . the fetched key i.</summary>
    [SkipLocalsInit]
    public void Scores(ReadOnlySpan<float> queries, Span<float> scores, int stride)
    {
        using Scratch<float> room = new(stackalloc float[Scratch<float>.Little], _turned ? queries.Length : 0);
        scoped ReadOnlySpan<float> met = _turned ? Turned(queries, room.Span) : queries;
        _kernel.Dots(MemoryMarshal.AsBytes(_fetchedKeys.Slice(0, _fetched * _headDim)), 0, _headDim, met, scores, stride);
    }

    /// <summary>For each of the outputs [n, headDim]: output += weights[output * stride + i] * the fetched value i.</summary>
    [SkipLocalsInit]
    public void AddWeighted(ReadOnlySpan<float> weights, int stride, Span<float> outputs)
    {
        using Scratch<float> room = new(stackalloc float[Scratch<float>.Little], _turned ? outputs.Length : 0);
        Span<float> sums = _turned ? room.Span : outputs;
        if (_turned)
            sums.Clear();
        _kernel.AddWeighted(MemoryMarshal.AsBytes(_fetchedValues.Slice(0, _fetched * _headDim)), 0, _headDim, weights, stride, outputs.Length / _headDim, sums, _headDim);
        if (!_turned)
            return;
        Hadamard.Rotate(sums, _headDim);
        TensorPrimitives.Add(outputs, sums, outputs);
    }

    private static IRows Rows(OffloadedPolicy policy, int tokens, int headDim, Arena host) => policy.HostRows switch
    {
        null => new ExactRows(host, tokens, headDim, policy.Precision),
        RotatedBlockFormat coded => new CodedRows(host, tokens, headDim, coded),
        CodeFormat other => throw new ArgumentException($"There are no host rows in {other.Describe()}.", nameof(policy)),
    };

    [SkipLocalsInit]
    private void Write(IRows destination, int first, ReadOnlySpan<float> rows)
    {
        using Scratch<float> room = new(stackalloc float[Scratch<float>.Little], _turned ? rows.Length : 0);
        destination.WriteRange(first, _turned ? Turned(rows, room.Span) : rows);
    }

    private Span<float> Turned(ReadOnlySpan<float> rows, Span<float> room)
    {
        rows.CopyTo(room);
        Hadamard.Rotate(room, _headDim);
        return room;
    }
}
