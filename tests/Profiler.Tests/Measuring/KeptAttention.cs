using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Sessions;

namespace TailorKV.Profiler.Tests.Measuring;

/// <summary>Keeps all queries of one layer, [tokens, heads, headDim], and its keys and values, [kvHeads, tokens, headDim] where the session has room for just the prompt.</summary>
internal sealed class KeptAttention(int kept) : PromptObserver
{
    public List<float> Queries { get; } = [];

    public float[] Keys { get; private set; } = [];

    public float[] Values { get; private set; } = [];

    public override void OnAttended(int layer, int first, int count, Workspace workspace)
    {
        if (layer != kept)
            return;
        var queries = new float[workspace.Queries.Length / workspace.Chunk * count];
        workspace.Queries.Read(queries);
        Queries.AddRange(queries);
    }

    public override void OnLayerDone(int layer, KeyValues prompt, int tokens, DeviceTensor hidden)
    {
        if (layer != kept)
            return;
        prompt.Keys.Read(Keys = new float[prompt.Keys.Length]);
        prompt.Values.Read(Values = new float[prompt.Values.Length]);
    }
}
