using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Tests.Backends.Cpu.Cache;

namespace TailorKV.Runtime.Tests.Backends.Plain;

/// <summary>A cache of plain heads.</summary>
internal sealed class PlainLayerCache : LayerCache
{
    private readonly LayerShape _layer;
    private readonly PlainHead[] _heads;
    private readonly bool _needsPredictedQueries;
    private int _tokens;

    public PlainLayerCache(LayerPolicy policy, LayerShape layer, float? softCap, KeyCalibration? calibration)
    {
        _layer = layer;
        _needsPredictedQueries = policy is RetrievedPolicy { Index: CriticalChannels };
        _heads = [.. Enumerable.Range(0, layer.KvHeads).Select(head => PlainHead.Of(new CacheCase(policy, layer, 1, 0, 0) { SoftCap = softCap, Calibration = calibration! }, head))];
    }

    public override int Tokens => _tokens;

    public override bool NeedsPredictedQueries => _needsPredictedQueries;

    public override void Load(KeyValues prompt, int tokens)
    {
        for (int head = 0; head < _heads.Length; head++)
            _heads[head].Load(Rows(prompt.Keys, (long)head * prompt.Stride, tokens), Rows(prompt.Values, (long)head * prompt.Stride, tokens));
        _tokens = tokens;
    }

    public override void Extend(int count, Workspace workspace)
    {
        int group = _layer.Heads / _layer.KvHeads;
        for (int row = 0; row < count; row++, _tokens++)
        {
            for (int head = 0; head < _heads.Length; head++)
            {
                _heads[head].Append(Rows(workspace.Keys, (row * _layer.KvHeads) + head, 1)[0], Rows(workspace.Values, (row * _layer.KvHeads) + head, 1)[0]);
                long first = ((long)row * _layer.Heads) + (head * group);
                double[][] outputs = _heads[head].Attend(Rows(workspace.Queries, first, group), _needsPredictedQueries ? Rows(workspace.Predicted, first, group) : [])
                    ?? throw new NotSupportedException("Rounding decides which tokens are seen.");
                for (int query = 0; query < group; query++)
                    workspace.Attended.Part((first + query) * _layer.HeadDim, _layer.HeadDim).Write([.. outputs[query].Select(number => (float)number)]);
            }
        }
    }

    public override ReadOnlySpan<float> ChoosingMass(int kvHead, out int sinks) => throw new NotSupportedException();

    private float[][] Rows(DeviceTensor tensor, long first, int count) => [.. Enumerable.Range(0, count).Select(row =>
    {
        var numbers = new float[_layer.HeadDim];
        tensor.Part((first + row) * _layer.HeadDim, _layer.HeadDim).Read(numbers);
        return numbers;
    })];
}
