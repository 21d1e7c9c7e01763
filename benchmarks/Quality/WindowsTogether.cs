using System.Diagnostics;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Memory;
using TailorKV.Torch;
using TorchSharp;

namespace TailorKV.Quality;

/// <summary>
/// What the profiler would gain on libtorch by taking several windows through a layer at once: caches loaded and tails decoded through one cache of as many windows' KV heads, and products of as many windows' tails,
/// beside one window after another.
/// </summary>
internal static class WindowsTogether
{
    private const int Tail = 64;
    private const int Runs = 5;

    private static readonly int[] Counts = [1, 2, 4];

    private static readonly (string Name, int Hidden, int Inner, int Heads, int KvHeads, int HeadDim, int Context)[] Shapes =
        [("SmolLM2-135M, 1,024 tokens", 576, 1536, 9, 3, 64, 1024), ("8B, 2,048 tokens", 4096, 14336, 32, 8, 128, 2048)];

    private static readonly LayerPolicy[] Policies = [new FullPolicy(), Catalogue.Kivi(4, 4), Catalogue.Rotated(2, 2), Catalogue.InTiers([4, 2, 1, 1], 2), Catalogue.Refined(2, 2, 64)];

    // What caches and tensors lie in.
    private static readonly List<DeviceArena> Arenas = [];

    public static void Run(Report report)
    {
        using var backend = new TorchBackend(new TorchOptions { Threads = 1 });
        report.Paragraph($"Milliseconds a window, the least of {Runs} runs in turn, one thread, beside other work. libtorch's cpu device.");
        foreach (var shape in Shapes)
        {
            report.Heading(shape.Name);
            report.Table(
                ["", .. Counts.Select(count => count == 1 ? "one window" : $"{count} at once"), "ratio of the last to the first"],
                [
                    .. Policies.Select(policy => Row($"loaded, and a tail of {Tail} decoded: {policy.Kind}, {policy.Describe()}", Least(count => Decoding(backend, shape, policy, count)))),
                    Row($"a layer's products of a tail of {Tail}", Least(count => Products(shape.Hidden, shape.Inner, (2 * shape.Heads) + (2 * shape.KvHeads), shape.HeadDim, count))),
                ]);
        }
    }

    private static string[] Row(string name, double[] seconds)
    {
        string[] row = [name, .. seconds.Select(each => $"{1000 * each:0.0}"), $"{seconds[^1] / seconds[0]:0.00}"];
        Console.Error.WriteLine(string.Join("  ", row));
        return row;
    }

    /// <summary>Seconds a window of each count, in turn so that other work on the machine is everybody's.</summary>
    private static double[] Least(Func<int, Action> prepare)
    {
        Action[] work = [.. Counts.Select(prepare)];
        double[] least = [.. Counts.Select(_ => double.MaxValue)];
        for (int run = 0; run <= Runs; run++)
        {
            for (int i = 0; i < work.Length; i++)
            {
                long start = Stopwatch.GetTimestamp();
                work[i]();
                // The first warms up.
                if (run > 0)
                    least[i] = Math.Min(least[i], Stopwatch.GetElapsedTime(start).TotalSeconds / Counts[i]);
            }
        }

        return least;
    }

    private static Action Decoding(TorchBackend backend, (string Name, int Hidden, int Inner, int Heads, int KvHeads, int HeadDim, int Context) shape, LayerPolicy policy, int count)
    {
        var layer = new LayerShape(shape.Heads * count, shape.KvHeads * count, shape.HeadDim, null);
        int tokens = shape.Context + Tail;
        CacheBytes bytes = policy.Bytes(layer, tokens);
        var calibration = Planner.Policies.Codes.KeyCalibration.Of(Ones(layer), Ones(layer));
        LayerCache cache = backend.CreateCache(
            policy, layer, tokens, Held(backend.TakeDevice("device", bytes.Device)), Held(backend.TakeHost("host", bytes.Host)), Held(backend.TakeDevice("staging", bytes.Staging)), null, calibration);
        var model = new ModelShape
        {
            Architecture = "llama",
            Layers = 1,
            HiddenSize = 16,
            IntermediateSize = 16,
            Heads = layer.Heads,
            KvHeads = layer.KvHeads,
            HeadDim = layer.HeadDim,
            VocabularySize = 16,
            ContextLength = tokens,
        };
        var workspace = new Workspace(model, tokens, Tail, predictsQueries: false, Held(new Arena("workspace", Planner.Plans.MemoryModel.Activations(model, tokens, Tail, predictsQueries: false))));
        var random = new Random(1);
        foreach (DeviceTensor tensor in (DeviceTensor[])[workspace.Queries, workspace.Keys, workspace.Values])
            tensor.Write(Numbers(random, tensor.Length));
        long length = (long)layer.KvHeads * shape.Context * shape.HeadDim;
        Arena prompt = Held(new Arena("prompt", 2 * CacheBytes.Align(length * sizeof(float))));
        HostTensor keys = prompt.TakeTensor(length), values = prompt.TakeTensor(length);
        keys.Write(Numbers(random, length));
        values.Write(Numbers(random, length));
        return () =>
        {
            cache.Load(new KeyValues(keys, values, shape.Context), shape.Context);
            cache.Extend(Tail, workspace);
        };
    }

    private static Action Products(int hidden, int inner, int heads, int headDim, int count)
    {
        torch.Tensor attention = torch.randn(heads * headDim, hidden), up = torch.randn(3 * inner, hidden), rows = torch.randn(Tail * count, hidden);
        return () =>
        {
            using torch.Tensor first = rows.matmul(attention.t()), second = rows.matmul(up.t());
        };
    }

    private static T Held<T>(T arena)
        where T : DeviceArena
    {
        Arenas.Add(arena);
        return arena;
    }

    private static float[] Ones(LayerShape layer) => [.. Enumerable.Repeat(1f, layer.KvHeads * layer.HeadDim)];

    private static float[] Numbers(Random random, long count) => [.. Enumerable.Range(0, (int)count).Select(_ => (random.NextSingle() * 2) - 1)];
}
