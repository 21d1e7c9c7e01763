using System.Text.RegularExpressions;
using TailorKV.Cuda.Compiling;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Tests.Backends.Cpu.Cache;

namespace TailorKV.Cuda.Tests.Cache;

/// <summary>Faults planted in the kernels are found by what caches are held to.</summary>
public sealed partial class PlantedFaultTests : IDisposable
{
    /// <summary>The kernels that are tested, the header or source that a fault is planted in, what stands there, and what is put in its place.</summary>
    public static TheoryData<string, string, string, string> Faults => new()
    {
        // An index off by one, a short last pass, a dropped barrier, a query of the wrong head, a softmax that is not brought up to date, lanes that are not joined, a split that is left out.
        { "full", "full.cu", "slot = token % a.capacity;", "slot = (token + 1) % a.capacity;" },
        { "full", "attention.cuh", "there[t] = at < end;", "there[t] = at < end - 1;" },
        { "full", "full.cu", "        __syncthreads();\n", "" },
        { "full", "attention.cuh", "first + (long long)min(g, count - 1) * HEAD_DIM", "first" },
        { "full", "attention.cuh", "weights[g] *= before;", "" },
        { "full", "attention.cuh", "        __syncthreads();\n", "" },
        { "full", "attention.cuh", "step < WARP; step *= 2)", "step < WARP / 2; step *= 2)" },
        { "full", "merge.cu", "split < a.splits; split++) {", "split < a.splits - 1; split++) {" },
        // A block that leaves a token late, a sum that is not turned back, a batch read of the next one's place, the last tokens of a batch left out.
        { "quantized", "windowed.cuh", "tokens - ends.sinks - ends.kept)", "tokens - ends.sinks - ends.kept - 1)" },
        { "quantized", "merge.cu", "    rotateBlock(turned, a.headDim, THREADS);\n", "" },
        { "quantized", "coded.cuh", "((long long)batch * LOW + unit) * RUNS + run", "((long long)batch * LOW + unit) * RUNS + (run + 1) % RUNS" },
        { "quantized", "quantized.cu", "token + t < end, a.cap", "token + t < end - 1, a.cap" },
        { "quantized", "rotation.cuh", "        barrier();\n", "" },
        // Tokens of the prompt that stay in another order than their scores', a place of the best that is taken, one that is never taken, the last token kept that is not seen.
        { "evicted", "windowed.cuh", "load(a.order + kvHead * a.orderStride + place)", "load(a.order + kvHead * a.orderStride + a.kept - 1 - place)" },
        { "evicted", "windowed.cuh", "turn < lowest ? lowest - turn : turn + 1", "turn < lowest ? lowest - turn - 1 : turn + 1" },
        { "evicted", "windowed.cuh", "% (s.room - 1);", "% s.room;" },
        { "evicted", "attention.cuh", "there[t] = at < end;", "there[t] = at < end - 1;" },
        // A row that lanes turn before others have copied it, a token that is seen by its codes and by its row, a token too few.
        { "refined", "windowed.cuh", "elementOf(row[c]));\n    __syncwarp();\n", "elementOf(row[c]));\n" },
        { "refined", "chosen.cuh", "a.choosing.scoreRow + min(token, (end - 1) / AHEAD * AHEAD)", "a.choosing.scoreRow + min(token, (end - 1) / AHEAD * AHEAD) / 8 * 8" },
        { "refined", "chosen.cuh", "            for (int g = 0; g < a.group; g++) store(c.scores + (long long)(kvHead * a.group + g) * c.scoreRow + token, MINUS_INFINITY);\n", "" },
        { "refined", "chosen.cuh", "wanted = min(a.choosing.topK, middle);", "wanted = min(a.choosing.topK, middle) - 1;" },
    };

    public void Dispose() => EmulatedCard.Seed(0);

    [Theory]
    [MemberData(nameof(Faults))]
    public void Is_found(string kernels, string file, string statement, string planted)
    {
        EmulatedCard.Require();
        using TestedFault faulty = new(file, statement, planted);
        Assert.True(Enumerable.Range(0, 6).Any(seed => !Passes(faulty, kernels, seed)), "no case shows it");
        Assert.True(faulty.Planted, "the statement is not there");
    }

    /// <summary>What shows faults shows none where there is none.</summary>
    [Theory]
    [InlineData("full")]
    [InlineData("quantized")]
    [InlineData("evicted")]
    [InlineData("refined")]
    public void Without_one_none_is_found(string kernels)
    {
        EmulatedCard.Require();
        using TestedFault sound = new("", "", "");
        Assert.All(Enumerable.Range(0, 6), seed => Assert.True(Passes(sound, kernels, seed), $"seed {seed}"));
    }

    private static IEnumerable<CacheCase> Cases(string kernels)
    {
        LayerShape layer = new(3, 1, 64, null);
        CodeFormat codes = new RotatedNormalFormat { Bits = 3 };
        switch (kernels)
        {
            case "quantized":
                yield return new CacheCase(new QuantizedPolicy { Keys = codes, Values = codes, Recent = 5 }, layer, 40, 30, Seed: 7);
                break;
            case "refined":
                yield return new CacheCase(new RefinedPolicy { Keys = codes, Values = codes, TopK = 9, Recent = 5 }, layer, 50, 44, Seed: 7);
                break;
            case "evicted":
                yield return new CacheCase(new EvictedPolicy { Share = 0.25, Score = EvictionScore.KeyNorm, Recent = 5 }, layer, 70, 40, Seed: 7);
                break;
            default:
                yield return new CacheCase(new FullPolicy(), new LayerShape(4, 2, 32, 40), 60, 30, Seed: 7);
                yield return new CacheCase(new FullPolicy(), new LayerShape(2, 1, 64, null), 800, 797, Seed: 8);
                break;
        }
    }

    private static bool Passes(TestedFault faulty, string kernels, int seed)
    {
        EmulatedCard.Seed((ulong)seed);
        try
        {
            foreach (CacheCase one in Cases(kernels))
                _ = CacheConformance.Attends(one with { RoundsQueries = false }, faulty);
            return true;
        }
        catch (Exception exception) when (!exception.Message.Contains("does not compile", StringComparison.Ordinal))
        {
            return false;
        }
    }

    private sealed class TestedFault : TestedBackend, IDisposable
    {
        private readonly CudaBackend _backend;

        public TestedFault(string file, string statement, string planted)
        {
            _backend = new CudaBackend(new CudaOptions
            {
                KernelCache = EmulatedCard.KernelFolder,
                KernelText = source => Expanded($"{source.Family}.cu", source.Text, []),
            });

            // A source with its headers in it, each once, and the fault where it belongs.
            string Expanded(string name, string text, HashSet<string> seen)
            {
                if (name == file)
                {
                    int at = text.IndexOf(statement, StringComparison.Ordinal);
                    Planted |= at >= 0;
                    text = at < 0 ? text : text[..at] + planted + text[(at + statement.Length)..];
                }

                return Include().Replace(text.Replace("#pragma once", "", StringComparison.Ordinal), match =>
                    seen.Add(match.Groups[1].Value) ? Expanded(match.Groups[1].Value, KernelSource.Headers.Single(header => header.Name == match.Groups[1].Value).Text, seen) : "");
            }
        }

        public override Backend Backend => _backend;

        public bool Planted { get; private set; }

        public override void Observe(PromptQueries queries, int first, int count, DeviceTensor chunk, LayerShape layer, PlainRotary? rotary) =>
            throw new NotSupportedException("No cache of these asks for a prompt's queries.");

        public void Dispose() => _backend.Dispose();
    }

    [GeneratedRegex("#include \"(.*?)\"")]
    private static partial Regex Include();
}
