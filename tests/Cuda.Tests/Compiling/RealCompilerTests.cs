using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using TailorKV.Cuda.Cache;
using TailorKV.Cuda.Compiling;
using TailorKV.Cuda.Models;
using TailorKV.Planner.Models;
using TailorKV.Tests;

namespace TailorKV.Cuda.Tests.Compiling;

/// <summary>NVIDIA's own compiler, which needs no card, takes every kernel, and what it says of them is recorded. Where it is not below artifacts/nvrtc (.ci/fetch-nvrtc) the tests are skipped.</summary>
public partial class RealCompilerTests
{
    // The variable that has the record written anew.
    private const string Record = "TAILORKV_RECORD";

    private static readonly int[] Architectures = [80, 86, 89, 90];

    private static readonly string Recorded = Path.Combine(SharedData.Root, "benchmarks", "results", "cuda-kernels.md");

    /// <summary>Kernels by what they are compiled for: Llama-3.1-8B's attention (32 heads, 8 KV heads, 128 channels), SmolLM2-135M's (9, 3, 64), matrices of all types.</summary>
    private static IEnumerable<KernelSource> Sources()
    {
        yield return RowKernels.Source;
        foreach (DeviceFormat format in Enum.GetValues<DeviceFormat>())
            yield return Products.SourceOf(format);
        yield return Merge.Source;
        LayerShape llama = new(32, 8, 128, null), smol = new(9, 3, 64, null);
        foreach (LayerShape layer in new[] { llama, smol })
        {
            yield return new AttentionShape(layer, mostQueries: 8).Source("prompt");
            yield return new AttentionShape(layer, mostQueries: 8).Source("full", ("ELEMENT_BYTES", "2"));
        }

        const string Normal4 = "0 4 128 1", Normal2 = "0 2 128 1", Normal3 = "0 3 128 1", Block8 = "2 8 32 0", Channel4 = "3 4 32 0", Token4 = "1 4 32 0", Tiers = "4", Exact = "5 0 0 0";
        foreach ((string family, string keys, string? values) in new[]
        {
            ("quantized", Normal4, Normal3), ("quantized", Normal2, Normal2), ("quantized", Block8, Block8), ("quantized", Channel4, Token4), ("quantized", Tiers, Normal2),
            ("quantized", Exact, null), ("refined", Tiers, Normal2), ("retrieved", Tiers, null),
        })
        {
            (string, string)[] macros = [.. Macros("KEY", keys), .. values is null ? [] : Macros("VALUE", values)];
            yield return new AttentionShape(llama, mostQueries: 4).Source(family, [("ELEMENT_BYTES", "2"), ("BLOCK_TOKENS", keys == Channel4 ? "32" : "1"), .. keys == Exact ? [("EVICTED", "1")] : Array.Empty<(string, string)>(), .. macros]);
        }

        static IEnumerable<(string, string)> Macros(string what, string codes) => codes == Tiers
            ? [($"{what}_KIND", "4"), ($"{what}_RUNS", "16"), ($"{what}_TURNED", "0")]
            : ((string[])["KIND", "BITS", "SPAN", "TURNED"]).Zip(codes.Split(' '), (name, value) => ($"{what}_{name}", value));
    }

    [Fact]
    public void Compiles_every_kernel_for_every_card_and_attention_spills_nothing()
    {
        Nvrtc compiler = Open();
        var rows = new string[Sources().Count() * Architectures.Length][];
        Parallel.For(0, rows.Length, new ParallelOptions { MaxDegreeOfParallelism = 2 }, i =>
        {
            (KernelSource source, int architecture) = (Sources().ElementAt(i / Architectures.Length), Architectures[i % Architectures.Length]);
            rows[i] = [.. Kernels().Matches(Log(compiler, source, architecture)).Select(match => Row(source, architecture, match))];
            Assert.NotEmpty(rows[i]);
        });
        Assert.Equal(KernelSource.Families.Order(StringComparer.Ordinal), Sources().Select(source => source.Family).Distinct().Order(StringComparer.Ordinal));
        string[] all = [.. rows.SelectMany(row => row)];
        Assert.All(all.Where(row => row.Contains("attend", StringComparison.Ordinal)), row => Assert.Contains("| 0 |", row, StringComparison.Ordinal));
        string table = Table(compiler, all);
        if (Environment.GetEnvironmentVariable(Record) is { Length: > 0 })
            File.WriteAllText(Recorded, table);
        Assert.Equal(table, File.ReadAllText(Recorded));
    }

    private static Nvrtc Open()
    {
        string path = Path.Combine(SharedData.Root, "artifacts", "nvrtc", "libnvrtc.so.11.2");
        Assert.SkipUnless(File.Exists(path), $"{path} is not there (.ci/fetch-nvrtc)");
        return Nvrtc.Open(path);
    }

    /// <summary>What the compiler says of a source; kept from run to run, since compiling all takes minutes.</summary>
    private static string Log(Nvrtc compiler, KernelSource source, int architecture)
    {
        string[] options = [.. KernelCompiler.Options(source, architecture, assembly: false), "--ptxas-options=-v"];
        string all = string.Join('\0', [source.Text, .. KernelSource.Headers.Select(header => header.Text), .. options, compiler.Version.ToString()]);
        string path = Path.Combine(SharedData.Root, "artifacts", "kernel-logs", Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(all)))[..32]);
        if (File.Exists(path))
            return File.ReadAllText(path);
        Nvrtc.Compiled compiled = compiler.Compile(source.Text, $"{source.Family}.cu", KernelSource.Headers, options, assembly: false);
        Assert.NotEmpty(compiled.Image);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText($"{path}.{architecture}", compiled.Log);
        File.Move($"{path}.{architecture}", path, overwrite: true);
        return compiled.Log;
    }

    private static string Row(KernelSource source, int architecture, Match kernel)
    {
        int registers = int.Parse(kernel.Groups["registers"].Value, CultureInfo.InvariantCulture), shared = int.Parse(kernel.Groups["shared"] is { Success: true } group ? group.Value : "0", CultureInfo.InvariantCulture);
        string name = kernel.Groups["name"].Value;
        return $"| {source.Name} | {name} | {architecture} | {registers} | {kernel.Groups["spills"].Value} | {shared} | {Warps(registers, shared, Threads(source, name), architecture)} |";
    }

    /// <summary>Warps of a multiprocessor, of 64 (8.0, 9.0) or 48: registers are given out to a warp by 256, shared memory by 128 bytes with a kilobyte of each block's for the system.</summary>
    private static int Warps(int registers, int shared, int threads, int architecture)
    {
        int warps = threads / 32, most = architecture is 80 or 90 ? 64 : 48, blocks = architecture switch { 80 or 90 => 32, 86 => 16, _ => 24 };
        int sharedOfProcessor = architecture switch { 80 => 164, 90 => 228, _ => 100 } << 10;
        int ofRegisters = 65536 / ((registers * 32 + 255) / 256 * 256) / warps, ofShared = sharedOfProcessor / (((shared + 127) / 128 * 128) + 1024);
        return warps * Math.Min(Math.Min(most / warps, blocks), Math.Min(ofRegisters, ofShared));
    }

    private static int Threads(KernelSource source, string name) => Regex.Match(string.Concat([source.Text, .. KernelSource.Headers.Select(header => header.Text)]), $@"^KERNEL\({name}, \w+, (.*)\) \{{", RegexOptions.Multiline).Groups[1].Value switch
    {
        "64" => 64,
        "CHOOSERS" => 1024,
        "THREADS" when source.Family == "rows" => 256,
        _ => 128,
    };

    private static string Table(Nvrtc compiler, string[] rows)
    {
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"""
            # The CUDA kernels as NVRTC {compiler.Version} compiles them

            Registers a thread, bytes spilled, bytes of shared memory a block, and warps that a multiprocessor holds at once (of 64 at 8.0 and 9.0, 48 at 8.6 and 8.9). Attention is compiled for the shapes of Llama-3.1-8B
            (32 heads, 8 KV heads, 128 channels) and SmolLM2-135M (9, 3, 64). Kinds of codes: 0 normal, 1 affine, 2 per block, 3 per channel, 4 tiers, 5 none, exact rows of an evicted layer. No card is needed: `.ci/fetch-nvrtc`, then
            `{Record}=1 dotnet test tests/Cuda.Tests -c Release --filter FullyQualifiedName~RealCompilerTests`; without the variable the test holds the compiler to this page.

            | source | kernel | architecture | registers | spilled | shared | warps |
            | --- | --- | --- | --- | --- | --- | --- |

            """);
        foreach (string row in rows)
            text.Append(row).Append('\n');
        return text.ToString();
    }

    [GeneratedRegex(@"Compiling entry function '(?<name>\w+)'[^\n]*\n[^\n]*\n[^\n]*?(?<spills>\d+) bytes spill stores[^\n]*\n[^\n]*Used (?<registers>\d+) registers(?:, (?<shared>\d+) bytes smem)?")]
    private static partial Regex Kernels();
}
