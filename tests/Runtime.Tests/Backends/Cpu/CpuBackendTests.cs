using TailorKV.Planner;
using TailorKV.Runtime.Backends.Cpu;
using TailorKV.Runtime.Sessions;
using TailorKV.Tests;

namespace TailorKV.Runtime.Tests.Backends.Cpu;

public sealed class CpuBackendTests
{
    private static readonly string Model = Path.Combine(SharedData.Root, "models", "tiny-recall");

    /// <summary>A caller's results do not depend on how many threads do the work, nor on where they run.</summary>
    [Fact]
    public void Results_do_not_depend_on_threads_nor_processors()
    {
        float[] expected = Logits(new CpuOptions { Threads = 1 });
        Assert.Equal(expected, Logits(new CpuOptions()));
        Assert.Equal(expected, Logits(new CpuOptions { Threads = 5 }));
        if (OperatingSystem.IsLinux())
            Assert.Equal(expected, Logits(new CpuOptions { Processors = FirstProcessors(2), Threads = 3 }));

        static float[] Logits(CpuOptions options)
        {
            using var backend = new CpuBackend(options);
            using CausalLanguageModel model = CausalLanguageModel.Load(Model, backend);
            using Session session = model.CreateFullSession(64);
            session.Prefill([.. Enumerable.Range(3, 40)]);
            return session.Decode(7).ToArray();
        }
    }

    [Fact]
    public void Threads_are_as_many_as_asked_for()
    {
        using var five = new CpuBackend(new CpuOptions { Threads = 5 });
        Assert.Equal(5, five.Threads);
        using var all = new CpuBackend();
        Assert.Equal(Environment.ProcessorCount, all.Threads);
        foreach (int wrong in new[] { 0, -1, 1025 })
            Assert.Contains($"{wrong} threads", Assert.Throws<TailorKVException>(() => new CpuBackend(new CpuOptions { Threads = wrong })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Threads_are_kept_to_the_processors_named()
    {
        if (!OperatingSystem.IsLinux())
        {
            Assert.Throws<TailorKVException>(() => new CpuBackend(new CpuOptions { Processors = [0] }));
            return;
        }

        int[] processors = FirstProcessors(2);
        using var backend = new CpuBackend(new CpuOptions { Processors = processors });
        Assert.Equal(processors.Length, backend.Threads);
        foreach (int[] wrong in new int[][] { [], [-1], [100_000], [processors[0], 1023] })
            Assert.Contains("rocessor", Assert.Throws<TailorKVException>(() => new CpuBackend(new CpuOptions { Processors = wrong })).Message, StringComparison.Ordinal);
    }

    /// <summary>Two models of one backend, and a session of each at the same time.</summary>
    [Fact]
    public void Models_of_one_backend_share_it()
    {
        using var backend = new CpuBackend(new CpuOptions { Threads = 2 });
        using CausalLanguageModel first = CausalLanguageModel.Load(Model, backend), second = CausalLanguageModel.Load(Model, backend);
        Assert.Same(first.Backend, second.Backend);
        float[] expected = Last(first);
        float[][] both = new float[2][];
        Parallel.Invoke(() => both[0] = Last(first), () => both[1] = Last(second));
        Assert.Equal(expected, both[0]);
        Assert.Equal(expected, both[1]);
        first.Dispose();
        Assert.Equal(expected, Last(second));

        static float[] Last(CausalLanguageModel model)
        {
            using Session session = model.CreateFullSession(100);
            session.Prefill([.. Enumerable.Range(3, 60)]);
            for (int token = 3; token < 30; token++)
                session.Decode(token);
            return session.Decode(7).ToArray();
        }
    }

    /// <summary>Of those that this process may run on.</summary>
    private static int[] FirstProcessors(int count)
    {
        string allowed = File.ReadLines("/proc/self/status").First(line => line.StartsWith("Cpus_allowed_list:", StringComparison.Ordinal)).Split(':')[1].Trim();
        return [.. allowed.Split(',').SelectMany(range => Range(range.Split('-').Select(int.Parse).ToArray())).Take(count)];

        static IEnumerable<int> Range(int[] ends) => Enumerable.Range(ends[0], ends[^1] - ends[0] + 1);
    }
}
