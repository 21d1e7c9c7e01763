using System.Text;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Runtime.Backends.Cpu.Products;
using TailorKV.Runtime.Formats;
using TailorKV.Runtime.Sessions;
using TailorKV.Runtime.Tests.Backends.Cpu;
using TailorKV.Runtime.Tests.Backends.Cpu.Cache;
using TailorKV.Runtime.Tests.Models;
using TailorKV.Runtime.Weights;
using TailorKV.Testing;

namespace TailorKV.Runtime.Tests.Sessions;

/// <summary>Shapes far from any real model's: a stack that runs out ends the process, which no caller can catch.</summary>
public sealed class LargeShapeTests : IDisposable
{
    private const int ManyHeads = 4_096;
    private const int ManyInner = 10_000_000;

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Kinds => [.. PolicyGenerators.Kinds];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Many_query_heads_on_one_kv_head_attend_as_the_plain_reference_does(string kind)
    {
        LayerShape layer = new(ManyHeads, 1, 16, null);
        LayerPolicy policy = PolicyGenerators.OfKind(kind, layer, 1).Draw(new Random(3));
        if (policy is WindowedPolicy windowed)
            policy = windowed with { Sinks = 2, Recent = 1, Generated = 0 };
        const int Prompt = 3 + 128;
        CacheCase one = new(policy, layer, Prompt + 1, Prompt, Seed: 4);
        using CacheUnderTest cache = new(one, TestedCpu.Instance);
        PlainHead[] plain = [PlainHead.Of(one)];
        cache.Load(plain, Prompt);
        foreach ((float[] actual, double[]? expected) in cache.Extend(plain, 1))
        {
            for (int i = 0; i < actual.Length; i++)
                Assert.Equal(expected?[i] ?? actual[i], actual[i], 0.02);
            Assert.All(actual, number => Assert.True(float.IsFinite(number)));
        }
    }

    [Fact]
    public void A_model_of_many_query_heads_runs()
    {
        TinyModel tiny = new();
        tiny.Config["num_attention_heads"] = ManyHeads;
        tiny.Config["num_key_value_heads"] = 1;
        Random random = new(1);
        for (int layer = 0; layer < TinyModel.Layers; layer++)
        {
            foreach ((string name, long[] shape) in new[]
            {
                ("q", (long[])[ManyHeads * TinyModel.HeadDim, TinyModel.Hidden]), ("k", [TinyModel.HeadDim, TinyModel.Hidden]),
                ("v", [TinyModel.HeadDim, TinyModel.Hidden]), ("o", [TinyModel.Hidden, ManyHeads * TinyModel.HeadDim]),
            })
            {
                string tensor = $"model.layers.{layer}.self_attn.{name}_proj.weight";
                tiny.Tensors[tensor] = ("", shape, [.. Enumerable.Range(0, (int)(shape[0] * shape[1])).Select(_ => (float)(random.NextDouble() - 0.5) / 8)]);
            }
        }

        tiny.WriteFolder(_folder.Path);
        using CausalLanguageModel model = CausalLanguageModel.Load(_folder.Path);
        int[] prompt = [.. Enumerable.Range(0, TinyModel.Vocabulary)];
        using Session full = model.CreateFullSession(100, ExactPrecision.Float32);
        full.Prefill(prompt);
        float[] wanted = full.Decode(1).ToArray();
        // What is quantized to 8 bits, or chosen whole, is next to exact.
        foreach (LayerPolicy policy in new LayerPolicy[]
        {
            new QuantizedPolicy { Keys = new PerTokenFormat { Bits = 8 }, Values = new PerTokenFormat { Bits = 8 }, Sinks = 0, Recent = 0 },
            new RetrievedPolicy { TopK = 100, Sinks = 0, Recent = 0, Index = new CodedKeys(new PerChannelFormat { Bits = 1 }) },
            new RefinedPolicy { Keys = new PerTokenFormat { Bits = 1 }, Values = new PerTokenFormat { Bits = 1 }, TopK = 100, Sinks = 0, Recent = 0 },
        })
        {
            using Session session = model.CreateSession(Plan.Uniform(model.Fingerprint, 100, policy));
            session.Prefill(prompt);
            ReadOnlySpan<float> logits = session.Decode(1);
            for (int i = 0; i < wanted.Length; i++)
                Assert.Equal(wanted[i], logits[i], 0.05);
        }
    }

    /// <summary>Weights in blocks meet inputs that are rounded first.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(5)]
    public void A_matrix_of_many_columns_multiplies(int count)
    {
        const int BlockBytes = 34;
        string path = Path.Combine(_folder.Path, "weights");
        // All zeros but for a block at either end of the last row.
        using (FileStream stream = File.Create(path))
        {
            stream.SetLength(2L * ManyInner / 32 * BlockBytes);
            foreach (long block in new[] { ManyInner / 32, (2 * ManyInner / 32) - 1 })
            {
                stream.Position = block * BlockBytes;
                stream.Write([.. BitConverter.GetBytes((Half)0.5), .. Enumerable.Repeat((byte)2, 32)]);
            }
        }

        using MappedFile file = MappedFile.Open(path);
        WeightMatrix matrix = new(new StoredTensor(file, "down", WeightType.Q8_0, [2, ManyInner], 0), TestThreads.Pool);
        var input = new float[count * ManyInner];
        Array.Fill(input, 1);
        var output = new float[count * 2];
        matrix.Multiply(input, count, output);
        for (int row = 0; row < count; row++)
            Assert.Equal([0, 64], output.AsSpan(row * 2, 2));
    }

    [Fact]
    public void A_model_of_many_inner_elements_runs()
    {
        const int Hidden = 2, Vocabulary = 8;
        File.WriteAllText(Path.Combine(_folder.Path, "config.json"), $$"""
            { "model_type": "llama", "hidden_size": {{Hidden}}, "intermediate_size": {{ManyInner}}, "num_attention_heads": 1, "num_key_value_heads": 1, "num_hidden_layers": 1,
              "head_dim": 2, "vocab_size": {{Vocabulary}}, "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": true }
            """);
        StringBuilder header = new("{");
        long end = 0;
        const string Layer = "model.layers.0.";
        foreach ((string name, long[] shape) in new (string, long[])[]
        {
            ("model.embed_tokens.weight", [Vocabulary, Hidden]), ("model.norm.weight", [Hidden]), (Layer + "input_layernorm.weight", [Hidden]),
            (Layer + "self_attn.q_proj.weight", [2, Hidden]), (Layer + "self_attn.k_proj.weight", [2, Hidden]), (Layer + "self_attn.v_proj.weight", [2, Hidden]),
            (Layer + "self_attn.o_proj.weight", [Hidden, 2]), (Layer + "post_attention_layernorm.weight", [Hidden]),
            (Layer + "mlp.gate_proj.weight", [ManyInner, Hidden]), (Layer + "mlp.up_proj.weight", [ManyInner, Hidden]), (Layer + "mlp.down_proj.weight", [Hidden, ManyInner]),
        })
        {
            long bytes = shape.Aggregate(sizeof(ushort), (long product, long dimension) => product * dimension);
            header.Append(end == 0 ? "" : ", ").Append($$"""
                "{{name}}": { "dtype": "BF16", "shape": [{{string.Join(", ", shape)}}], "data_offsets": [{{end}}, {{end + bytes}}] }
                """);
            end += bytes;
        }

        byte[] text = Encoding.UTF8.GetBytes(header.Append('}').ToString());
        // All weights are zeros, which a file need not hold.
        using (FileStream stream = File.Create(Path.Combine(_folder.Path, "model.safetensors")))
        {
            stream.Write(BitConverter.GetBytes((long)text.Length));
            stream.Write(text);
            stream.SetLength(stream.Position + end);
        }

        using CausalLanguageModel model = CausalLanguageModel.Load(_folder.Path);
        using Session session = model.CreateFullSession(5);
        Assert.Equal(new float[Vocabulary], session.Prefill([1, 2, 3, 4]).ToArray());
        Assert.Equal(new float[Vocabulary], session.Decode(5).ToArray());
    }
}
