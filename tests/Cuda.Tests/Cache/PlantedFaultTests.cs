using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Tests.Backends.Cpu.Cache;

namespace TailorKV.Cuda.Tests.Cache;

/// <summary>Faults planted in the kernels are found by what caches are held to.</summary>
public sealed class PlantedFaultTests : IDisposable
{
    public static TheoryData<string, string, string> Faults => new()
    {
        // An index off by one, a short last pass, a dropped barrier, a query of the wrong head, a softmax that is not brought up to date, a split that is left out.
        { "full", "slot = token % a.capacity;", "slot = (token + 1) % a.capacity;" },
        { "full", "there[t] = at < end;", "there[t] = at < end - 1;" },
        { "full", "        __syncthreads();\n", "" },
        { "full", "(long long)(head + min(g, count - 1)) * HEAD_DIM", "(long long)head * HEAD_DIM" },
        { "attention", "weights[g] *= before;", "" },
        { "attention", "        __syncthreads();\n", "" },
        { "attention", "step < WARP; step *= 2)", "step < WARP / 2; step *= 2)" },
        { "merge", "split < a.splits; split++) {", "split < a.splits - 1; split++) {" },
    };

    public void Dispose() => EmulatedCard.Seed(0);

    [Theory]
    [MemberData(nameof(Faults))]
    public void Is_found(string family, string statement, string planted)
    {
        EmulatedCard.Require();
        using TestedFault faulty = new(family, statement, planted);
        Assert.True(Enumerable.Range(0, 6).Any(seed => !Passes(faulty, seed)), "no case shows it");
        Assert.True(faulty.Planted, "the statement is not there");
    }

    private static bool Passes(TestedFault faulty, int seed)
    {
        EmulatedCard.Seed((ulong)seed);
        try
        {
            _ = CacheConformance.Attends(new CacheCase(new FullPolicy(), new LayerShape(4, 2, 32, 40), 60, 30, Seed: 7) { RoundsQueries = false }, faulty);
            _ = CacheConformance.Attends(new CacheCase(new FullPolicy(), new LayerShape(2, 1, 64, null), 800, 797, Seed: 8) { RoundsQueries = false }, faulty);
            return true;
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            return false;
        }
    }

    private sealed class TestedFault : TestedBackend, IDisposable
    {
        private readonly CudaBackend _backend;

        public TestedFault(string family, string statement, string planted)
        {
            _backend = new CudaBackend(new CudaOptions
            {
                KernelCache = EmulatedCard.KernelFolder,
                KernelText = source =>
                {
                    // Of a header its text, in place of the directive that includes it.
                    string text = source.Text.Replace("#include \"attention.cuh\"", Compiling.Header("attention.cuh"), StringComparison.Ordinal);
                    if (source.Family != family && !(family == "attention" && source.Family == "full"))
                        return text;
                    Planted |= text.Contains(statement, StringComparison.Ordinal);
                    int at = family == "attention" || source.Family != "full" ? text.IndexOf(statement, StringComparison.Ordinal) : text.LastIndexOf(statement, StringComparison.Ordinal);
                    return at < 0 ? text : text[..at] + planted + text[(at + statement.Length)..];
                },
            });
        }

        public override Backend Backend => _backend;

        public bool Planted { get; private set; }

        public override void Observe(PromptQueries queries, int first, int count, DeviceTensor chunk, LayerShape layer, PlainRotary? rotary) =>
            throw new NotSupportedException("No cache of these asks for a prompt's queries.");

        public void Dispose() => _backend.Dispose();
    }

    private static class Compiling
    {
        public static string Header(string name) => Cuda.Compiling.KernelSource.Headers.Single(header => header.Name == name).Text.Replace("#pragma once", "", StringComparison.Ordinal);
    }
}
