using System.Runtime.InteropServices;
using TailorKV.Cuda.Compiling;
using TailorKV.Cuda.Driver;
using TailorKV.Cuda.Memory;
using TailorKV.Planner;

namespace TailorKV.Cuda.Tests.Driver;

/// <summary>The emulated card finds what it is there to find.</summary>
public sealed class EmulatorTests : IDisposable
{
    private const int Threads = 128;

    private const string Sum = """
        #include "prelude.cuh"
        struct Arguments { const float* from; float* to; };
        KERNEL(kernel, Arguments, 128) {
            SHARED(float, room, 128);
            room[threadIdx.x] = load(a.from + threadIdx.x);
            __syncthreads();
            for (int step = 64; step > 0; step /= 2) {
                float other = threadIdx.x < step ? room[threadIdx.x + step] : 0;
                __syncthreads();
                room[threadIdx.x] = threadIdx.x < step ? room[threadIdx.x] + other : 0;
                __syncthreads();
            }
            if (threadIdx.x == 0) store(a.to, room[0]);
        }
        """;

    public EmulatorTests() => EmulatedCard.Require();

    private static Card Card => EmulatedCard.Backend.Card;

    public void Dispose() => EmulatedCard.Seed(0);

    [Fact]
    public void Runs_threads_that_share_memory_and_wait_for_each_other()
    {
        for (ulong seed = 0; seed < 8; seed++)
            Assert.Equal(Threads * (Threads - 1) / 2, Run(Sum, seed));
    }

    [Fact]
    public void A_dropped_barrier_shows_in_some_order_of_warps()
    {
        foreach (int dropped in new[] { 0, 1, 2 })
        {
            string[] parts = Sum.Split("__syncthreads();");
            string faulty = string.Concat(parts.Select((part, i) => i == 0 ? part : (i == dropped + 1 ? "" : "__syncthreads();") + part));
            Assert.Contains(Enumerable.Range(0, 20), seed => Run(faulty, (ulong)seed) is not Threads * (Threads - 1) / 2);
        }
    }

    [Theory]
    [InlineData("if (threadIdx.x < 64) __syncthreads();", "is reached by 64 of 128 threads")]
    [InlineData("if (threadIdx.x < 64) __syncthreads();\nelse __syncthreads();", "wait at barriers of lines")]
    [InlineData("if (threadIdx.x % 2) __shfl_xor_sync(ALL, 1.0f, 1);", "never come to a shuffle")]
    [InlineData("if (threadIdx.x % 2) __shfl_sync(0xaaaaaaaau, 1.0f, 2);", "which is not in the mask")]
    [InlineData("store(a.to, load(a.from + 128 + threadIdx.x));", "a read outside every allocation")]
    [InlineData("store(a.to + 1, 1.0f);", "a write outside every allocation")]
    [InlineData("a.to[4] = 1;", "an address outside every allocation")]
    [InlineData("store((float2*)(a.from + 1), make_float2(1, 2));", "a misaligned address")]
    [InlineData("SHARED(float, room, 4); room[threadIdx.x] = 1;", "indexed outside its bounds")]
    [InlineData("SHARED(float, room, 4); float* all = room; all[4] = 1;", "written past its end")]
    public void Names_what_a_card_would_not(string statement, string error)
    {
        string faulty = "#include \"prelude.cuh\"\nstruct Arguments { const float* from; float* to; };\nKERNEL(kernel, Arguments, 128) {\n" + statement + "\n}";
        TailorKVException exception = Assert.Throws<TailorKVException>(() => Run(faulty, seed: 0));
        Assert.Contains(error, exception.Message, StringComparison.Ordinal);
        Assert.Contains("kernel kernel", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Refuses_arguments_of_another_size()
    {
        using KernelModule module = Load(Sum);
        using DeviceMemory memory = new(Card.Context, 4);
        TailorKVException exception = Assert.Throws<TailorKVException>(() => module.Kernel("kernel").Launch(Card.Stream, new Grid(1), Threads, memory.Address));
        Assert.Contains("takes 16 bytes of arguments, not 8", exception.Message, StringComparison.Ordinal);
    }

    /// <summary>Neighbouring words are sectors read whole; every eighth word is a sector each. Rows of 32 floats share a bank column by column.</summary>
    [Fact]
    public void Counts_sectors_and_turns_of_banks()
    {
        EmulatedCard.Count(on: true);
        _ = Run(Sum, seed: 1);
        Assert.Equal((4, 16, 512), (EmulatedCard.TrafficOf("kernel").Requests, EmulatedCard.TrafficOf("kernel").Sectors, EmulatedCard.TrafficOf("kernel").Bytes));
        EmulatedCard.Count(on: true);
        _ = Run("""
            #include "prelude.cuh"
            struct Arguments { const float* from; float* to; };
            KERNEL(kernel, Arguments, 128) {
                SHARED(float, room, 1024);
                if (threadIdx.x < 32) room[threadIdx.x * 32] = load(a.from + threadIdx.x % 16 * 8);
                __syncthreads();
                if (threadIdx.x == 0) store(a.to, room[32]);
            }
            """, seed: 1);
        EmulatedCard.Traffic traffic = EmulatedCard.TrafficOf("kernel");
        EmulatedCard.Count(on: false);
        Assert.Equal((1, 16, 64), (traffic.Requests, traffic.Sectors, traffic.Bytes));
        Assert.Equal(32 + 1, traffic.SharedTurns);
    }

    [Fact]
    public void A_graph_does_again_what_was_recorded()
    {
        using KernelModule module = Load("""
            #include "prelude.cuh"
            struct Arguments { const float* from; float* to; };
            KERNEL(kernel, Arguments, 128) { if (threadIdx.x == 0) store(a.to, load(a.to) + load(a.from)); }
            """);
        using DeviceMemory from = new(Card.Context, sizeof(float)), to = new(Card.Context, sizeof(float));
        Write(from, [3]);
        Write(to, [0]);
        float result;
        using (Card.Use())
        {
            Card.Stream.BeginCapture();
            module.Kernel("kernel").Launch(Card.Stream, new Grid(1), Threads, new Arguments(from.Address, to.Address));
            module.Kernel("kernel").Launch(Card.Stream, new Grid(1), Threads, new Arguments(from.Address, to.Address));
            using CudaGraph graph = Card.Stream.EndCapture();
            Assert.Equal(0, Read(to));
            graph.Launch(Card.Stream);
            graph.Launch(Card.Stream);
            result = Read(to);
        }

        Assert.Equal(4 * 3, result);
    }

    private static float Run(string source, ulong seed)
    {
        EmulatedCard.Seed(seed);
        using KernelModule module = Load(source);
        using DeviceMemory from = new(Card.Context, Threads * sizeof(float)), to = new(Card.Context, sizeof(float));
        Write(from, [.. Enumerable.Range(0, Threads).Select(i => (float)i)]);
        Write(to, [-1]);
        using (Card.Use())
            module.Kernel("kernel").Launch(Card.Stream, new Grid(1), Threads, new Arguments(from.Address, to.Address));
        return Read(to);
    }

    private static KernelModule Load(string source)
    {
        KernelCompiler compiler = new(() => EmulatedCard.Compiler, EmulatedCard.Images, (8, 6), 0, _ => source);
        return new KernelModule(Card.Context, compiler.Image(new KernelSource("test")), "test");
    }

    private static unsafe void Write(DeviceMemory memory, float[] numbers)
    {
        using (Card.Use())
        {
            fixed (float* first = numbers)
                Card.Stream.CopyToDevice(memory.Address, first, numbers.Length * sizeof(float));
        }
    }

    private static unsafe float Read(DeviceMemory memory)
    {
        float number;
        using (Card.Use())
        {
            Card.Stream.CopyToHost(&number, memory.Address, sizeof(float));
            Card.Stream.Synchronize();
        }

        return number;
    }

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Arguments(nint From, nint To);
}
