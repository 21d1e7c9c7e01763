using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Runtime;
using TailorKV.Tests;

namespace TailorKV.Cli.Tests;

/// <summary>
/// What a process that loads a model, fills its context by a plan and writes a few tokens really holds, beside what the plan says it takes: within 10 % and 72 MiB, of which .NET and the program
/// itself have 61 and a vocabulary of 50,000 some 15.
/// </summary>
public sealed class ResidentSizeTests : IDisposable
{
    private const int Generated = 8;

    private readonly string _folder = Directory.CreateTempSubdirectory("tailorkv").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [MemberData(nameof(Plans))]
    public Task Tiny_recall(string plan) => Check(Path.Combine(SharedData.Root, "models", "tiny-recall"), plan, 2048);

    [Theory]
    [MemberData(nameof(Plans))]
    public Task Stories260K(string plan) => Check(SharedData.Require("models/stories260K/stories260Ktok512.gguf"), plan, 512);

    /// <summary>Weights stored in blocks, which are laid out once more.</summary>
    [Theory]
    [MemberData(nameof(Plans))]
    public Task Smollm2(string plan) => Check(SharedData.Require("models/SmolLM2-135M-Instruct/model.gguf"), plan, 1024);

    /// <summary>A model whose caches are most of a few hundred MiB.</summary>
    [Theory]
    [MemberData(nameof(Plans))]
    public Task A_model_of_wide_keys(string plan) => Check(MakeWideModel(), plan, 4096);

    public static TheoryData<string> Plans() => [.. Policies.Keys];

    private static readonly Dictionary<string, LayerPolicy> Policies = new()
    {
        ["full, f32"] = new FullPolicy(ExactPrecision.Float32),
        ["quantized"] = Catalogue.Rotated(4, 4),
        ["refined"] = Catalogue.Refined(2, 2, 64),
        ["retrieved"] = new RetrievedPolicy { TopK = 64, Index = new CriticalChannels(8) },
    };

    private async Task Check(string path, string policy, int context)
    {
        string planPath = Path.Combine(_folder, "plan.json"), prompt;
        Plan plan;
        using (CausalLanguageModel model = CausalLanguageModel.Load(path))
        {
            ModelShape shape = model.Shape;
            plan = Plan.From(model.Fingerprint, context, [.. Enumerable.Range(0, shape.Layers)
                .Select(layer => Policies[policy].Problem(shape.Layer(layer), layer) is null ? Policies[policy] : Catalogue.Refined(2, 2, 64))]);
            File.WriteAllText(planPath, plan.ToJson());
            prompt = Prompt(model, context);
        }

        JsonElement result = await Run("run", path, "--plan", planPath, "--raw", "--prompt", prompt, "--max-tokens", $"{Generated}", "--json");
        Assert.InRange(result.GetProperty("promptTokens").GetInt32(), context - 64, context - Generated);
        Assert.Equal((plan.Memory.Device, plan.Memory.Host), (result.GetProperty("deviceBytes").GetInt64(), result.GetProperty("hostBytes").GetInt64()));
        long predicted = plan.Memory.Device + plan.Memory.Host, allowed = (predicted / 10) + (72L << 20);
        Assert.InRange(result.GetProperty("residentBytes").GetInt64(), predicted - allowed, predicted + allowed);
    }

    /// <summary>Text that fills a context but for a few tokens.</summary>
    private static string Prompt(CausalLanguageModel model, int context)
    {
        string text = File.ReadAllText(Path.Combine(SharedData.Root, "models", "tiny-recall", "text.txt"));
        int least = 0, most = text.Length;
        while (least + 1 < most)
        {
            int middle = (least + most) / 2;
            (least, most) = model.Tokenizer.EncodePrompt(text[..middle]).Count <= context - Generated ? (middle, most) : (least, middle);
        }

        return text[..least];
    }

    private static async Task<JsonElement> Run(params string[] args)
    {
        var start = new ProcessStartInfo("dotnet") { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string arg in (string[])[Path.Combine(AppContext.BaseDirectory, "TailorKV.Cli.dll"), .. args])
            start.ArgumentList.Add(arg);
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await error);
        using JsonDocument document = JsonDocument.Parse(output);
        return document.RootElement.Clone();
    }

    /// <summary>Random weights in bf16, with tiny-recall's tokenizer: 16 KiB of keys and values a token and layer in f32.</summary>
    private string MakeWideModel()
    {
        const int Layers = 4, Hidden = 1024, Intermediate = 512, Heads = 8, HeadDim = 128;
        string source = Path.Combine(SharedData.Root, "models", "tiny-recall"), folder = Directory.CreateDirectory(Path.Combine(_folder, "wide")).FullName;
        File.Copy(Path.Combine(source, "tokenizer.json"), Path.Combine(folder, "tokenizer.json"));
        JsonNode config = JsonNode.Parse(File.ReadAllText(Path.Combine(source, "config.json")))!;
        (config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"]) = (Hidden, Intermediate, Layers);
        (config["num_attention_heads"], config["num_key_value_heads"], config["head_dim"]) = (Heads, Heads, HeadDim);
        (config["max_position_embeddings"], config["tie_word_embeddings"]) = (8192, true);
        File.WriteAllText(Path.Combine(folder, "config.json"), config.ToJsonString());

        List<(string Name, int[] Shape)> tensors = [("model.embed_tokens.weight", [config["vocab_size"]!.GetValue<int>(), Hidden]), ("model.norm.weight", [Hidden])];
        for (int layer = 0; layer < Layers; layer++)
        {
            (string Name, int[] Shape)[] parts =
            [
                ("input_layernorm", [Hidden]), ("post_attention_layernorm", [Hidden]), ("self_attn.q_proj", [Heads * HeadDim, Hidden]), ("self_attn.k_proj", [Heads * HeadDim, Hidden]),
                ("self_attn.v_proj", [Heads * HeadDim, Hidden]), ("self_attn.o_proj", [Hidden, Heads * HeadDim]), ("mlp.gate_proj", [Intermediate, Hidden]), ("mlp.up_proj", [Intermediate, Hidden]),
                ("mlp.down_proj", [Hidden, Intermediate]),
            ];
            tensors.AddRange(parts.Select(part => ($"model.layers.{layer}.{part.Name}.weight", part.Shape)));
        }

        var header = new JsonObject();
        long end = 0;
        foreach ((string name, int[] shape) in tensors)
        {
            long start = end;
            end += sizeof(ushort) * shape.Aggregate(1L, (product, dimension) => product * dimension);
            header[name] = new JsonObject { ["dtype"] = "BF16", ["shape"] = new JsonArray([.. shape.Select(dimension => (JsonNode)dimension)]), ["data_offsets"] = new JsonArray(start, end) };
        }

        byte[] json = Encoding.UTF8.GetBytes(header.ToJsonString());
        using FileStream file = File.Create(Path.Combine(folder, "model.safetensors"));
        file.Write(BitConverter.GetBytes((long)json.Length));
        file.Write(json);
        var random = new Random(1);
        var numbers = new ushort[end / sizeof(ushort)];
        foreach (ref ushort number in numbers.AsSpan())
            number = (ushort)(BitConverter.SingleToUInt32Bits((random.NextSingle() - 0.5f) / 16) >> 16);
        file.Write(MemoryMarshal.AsBytes<ushort>(numbers));
        return folder;
    }
}
