using System.Text.Json.Nodes;
using TailorKV.Planner.Models;
using TailorKV.Runtime.Sessions;
using TailorKV.Runtime.Tests.Models;

namespace TailorKV.Runtime.Tests.Sessions;

/// <summary>Rotary embeddings that follow the context: the session's decides, once for all of its tokens.</summary>
public sealed class ContextScalingTests : IDisposable
{
    private const int Original = 32;

    private static readonly int[] Text = [.. Enumerable.Range(0, 24).Select(i => 3 + (i * 7 % 30))];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("""{"rope_type": "longrope", "original_max_position_embeddings": 32, "short_factor": [1, 1.1, 1.2, 1.3], "long_factor": [1, 2, 4, 8]}""")]
    [InlineData("""{"rope_type": "dynamic", "factor": 4}""")]
    public void Short_sessions_are_alike_and_long_ones_are_turned_otherwise(string scaling)
    {
        using CausalLanguageModel model = Load(scaling);
        float[] whole = Last(Original, Text.Length);
        Assert.Equal(whole, Last(Text.Length, Text.Length));
        Assert.NotEqual(whole, Last(Original + 1, Text.Length));

        // Whether tokens come as a prompt or one by one, a session has one set of frequencies.
        foreach (int context in (int[])[Original, Original + 1, 100])
        {
            float[] prompted = Last(context, Text.Length), decoded = Last(context, 1);
            for (int i = 0; i < prompted.Length; i++)
                Assert.Equal(prompted[i], decoded[i], 1e-4f);
        }

        float[] Last(int context, int prompt)
        {
            using Session session = model.CreateFullSession(context, ExactPrecision.Float32);
            float[] logits = session.Prefill(Text.AsSpan(0, prompt)).ToArray();
            foreach (int token in Text.AsSpan(prompt))
                logits = session.Decode(token).ToArray();
            return logits;
        }
    }

    private CausalLanguageModel Load(string scaling)
    {
        TinyModel tiny = new();
        tiny.Config["max_position_embeddings"] = Original;
        tiny.Config["rope_scaling"] = JsonNode.Parse(scaling);
        tiny.WriteFolder(_folder.Path);
        return CausalLanguageModel.Load(_folder.Path);
    }
}
