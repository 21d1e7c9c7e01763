using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends.Cpu;
using TailorKV.Runtime.Backends.Cpu.Threads;
using TailorKV.Runtime.Sessions;
using TailorKV.Tests;

namespace TailorKV.Runtime.Tests.Sessions;

public sealed class DecodeAllocationTests
{
    private const int Prompt = 100;
    private const int WarmUp = 70;
    private const int Measured = 100;

    private static readonly LayerPolicy[] Some =
    [
        .. LayerPolicy.Kinds.SelectMany(kind => kind.Diagnostic.Concat(kind.Timed)).Distinct(), new FullPolicy(ExactPrecision.Float32),
        new QuantizedPolicy { Keys = new PerBlockFormat { Bits = 8 }, Values = new PerBlockFormat { Bits = 8 } },
        new RetrievedPolicy { TopK = 16, Generated = 8, Index = new CriticalChannels(8) },
        Catalogue.Refined(1, 1, 16) with { HostRows = new RotatedBlockFormat { Bits = 4 } },
    ];

    public static TheoryData<string> Policies => [.. Some.Select(policy => policy.Describe())];

    [Theory]
    [MemberData(nameof(Policies))]
    public void A_decoded_token_allocates_nothing(string described)
    {
        using var backend = new CpuBackend();
        using CausalLanguageModel model = CausalLanguageModel.Load(Path.Combine(SharedData.Root, "models", "tiny-recall"), backend);
        // Critical channels cannot choose in the first layer.
        Plan plan = Plan.From(
            model.Fingerprint, Prompt + (2 * (WarmUp + Measured)), [new FullPolicy(), .. Enumerable.Repeat(Some.Single(policy => policy.Describe() == described), model.Shape.Layers - 1)]);
        using Session session = model.CreateSession(plan);
        session.Prefill([.. Enumerable.Range(3, Prompt)]);
        Assert.Equal(0, AllocatedBytes(session));

        // Within a part of the pool's work all parts fall to the part's own thread, so that what the pool's threads would allocate is counted too.
        long[] bytes = [-1];
        backend.Pool.Run(2, new Decoding(session, bytes));
        Assert.Equal(0, bytes[0]);
        Assert.Equal(plan.Target.Context, session.Tokens);
    }

    private static long AllocatedBytes(Session session)
    {
        for (int i = 0; i < WarmUp; i++)
            session.Decode(3 + i);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < Measured; i++)
            session.Decode(3 + i);
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private readonly struct Decoding(Session session, long[] bytes) : IWork
    {
        public void Run(int part)
        {
            if (part == 0)
                bytes[0] = AllocatedBytes(session);
        }
    }
}
