using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Runtime;
using TailorKV.Runtime.Sessions;
using TailorKV.Runtime.Tests;
using TailorKV.Runtime.Tests.Models;
using TailorKV.Torch.Link;

namespace TailorKV.Torch.Tests.Link;

/// <summary>Channels that are fetched while the layer before runs: the same tokens as if they were fetched when they are needed, however late they arrive.</summary>
public sealed class PrefetchTests : IDisposable
{
    private const int Prompt = 90;

    // So many that generated tokens leave the window too.
    private const int Decoded = 80;

    // A prompt also takes the place of another.
    private const int Turns = 2;

    private readonly TemporaryFolder _folder = new();

    public PrefetchTests() => new TinyModel("llama").WriteFolder(_folder.Path);

    public static TheoryData<LayerPolicy> Policies =>
    [
        new RetrievedPolicy { TopK = 8, Index = new CriticalChannels(3) },
        new RetrievedPolicy { TopK = 16, Index = new CriticalChannels(4), HostRows = new Planner.Policies.Codes.RotatedBlockFormat { Bits = 8 } },
        new RetrievedPolicy { TopK = 8, Index = new CriticalChannels(2), Sinks = 0, Recent = 5, Generated = 40 },
        // The newest token itself joins what is chosen from: it cannot be prefetched.
        new RetrievedPolicy { TopK = 8, Index = new CriticalChannels(3), Recent = 0, Generated = 0 },
    ];

    [Theory]
    [MemberData(nameof(Policies))]
    public void Copies_that_arrive_when_they_are_waited_for_give_the_same_tokens(LayerPolicy policy)
    {
        var late = new LateLink(arrives: true);
        Assert.Equal(Logits(policy, new PlainLink()), Logits(policy, late));
        // A step waits for what was begun before it; where that is of no use, for that and for its own.
        Assert.Equal(Turns * Decoded * (((RetrievedPolicy)policy).Recent > 0 ? 1 : 2), late.Waits.Useful);
    }

    /// <summary>What the test above relies on: copies that are not waited for show in the tokens.</summary>
    [Theory]
    [MemberData(nameof(Policies))]
    public void Copies_that_do_not_arrive_give_others(LayerPolicy policy) => Assert.NotEqual(Logits(policy, new PlainLink()), Logits(policy, new LateLink(arrives: false)));

    /// <summary>Several tokens at once have channels of their own each, and those after a prefetch that nothing came of see none of it.</summary>
    [Theory]
    [MemberData(nameof(Policies))]
    public void Tokens_given_at_once_see_what_those_one_by_one_see(LayerPolicy policy)
    {
        float[][] single = Logits(policy, new LateLink(arrives: true)), many = Logits(policy, new LateLink(arrives: true), together: 7);
        Assert.Equal(single.Length, many.Length);
        foreach ((float[] one, float[] other) in single.Zip(many))
        {
            for (int i = 0; i < one.Length; i++)
                Assert.Equal(one[i], other[i], 1e-3f);
        }
    }

    public void Dispose() => _folder.Dispose();

    private float[][] Logits(LayerPolicy policy, HostLink link, int together = 1)
    {
        using var backend = new TorchBackend(new TorchOptions(), link);
        using var model = CausalLanguageModel.Load(_folder.Path, backend);
        using Session session = model.CreateSession(Plan.From(model.Fingerprint, Prompt + Decoded, [new FullPolicy(), policy]));
        var logits = new List<float[]>();
        for (int turn = 0; turn < Turns; turn++)
        {
            session.Prefill([.. Enumerable.Range(0, Prompt).Select(i => (i * (7 + turn)) % TinyModel.Vocabulary)]);
            int[] tokens = [.. Enumerable.Range(0, Decoded).Select(i => (i * 11) % TinyModel.Vocabulary)];
            for (int first = 0; first < Decoded; first += together)
            {
                int[] some = tokens[first..Math.Min(Decoded, first + together)];
                if (together == 1)
                    logits.Add(session.Decode(some[0]).ToArray());
                else
                    session.Extend(some, (_, row) => logits.Add(row.ToArray()));
            }
        }

        return [.. logits];
    }
}
