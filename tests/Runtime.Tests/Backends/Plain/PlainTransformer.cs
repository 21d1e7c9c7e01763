using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Memory;
using TailorKV.Runtime.Tests.Models;

namespace TailorKV.Runtime.Tests.Backends.Plain;

/// <summary>The arithmetic of llama, qwen2 and qwen3, token by token.</summary>
internal sealed class PlainTransformer(TinyModel model, ModelShape shape) : Transformer
{
    private const double Epsilon = 1e-5, Theta = 10000;

    public override ModelShape Shape => shape;

    public override float? AttentionSoftCap => null;

    public override int RotaryDimensions(int layer) => Shape.HeadDim;

    public override void Embed(ReadOnlySpan<int> tokens, DeviceTensor hidden)
    {
        for (int i = 0; i < tokens.Length; i++)
            Write(hidden, i, Rows("model.embed_tokens.weight")[tokens[i]]);
    }

    public override void Project(int layer, int first, int count, Workspace workspace)
    {
        for (int row = 0; row < count; row++)
        {
            double[] normed = Norm(Read(workspace.Hidden, row, shape.HiddenSize), Vector($"{Layer(layer)}input_layernorm.weight")!);
            Write(workspace.Normed, row, normed);
            Write(workspace.Queries, row, Heads(layer, "q", first + row, normed, 1 / Math.Sqrt(shape.HeadDim)));
            Write(workspace.Keys, row, Heads(layer, "k", first + row, normed, 1));
            Write(workspace.Values, row, Linear(layer, "self_attn.v_proj", normed));
        }
    }

    public override void PredictQueries(int layer, int first, int count, Workspace workspace)
    {
        for (int row = 0; row < count; row++)
            Write(workspace.Predicted, row, Heads(layer, "q", first + row, Read(workspace.Normed, row, shape.HiddenSize), 1 / Math.Sqrt(shape.HeadDim)));
    }

    public override void Store(int first, int count, DeviceTensor keys, DeviceTensor values, KeyValues all)
    {
        for (int row = 0; row < count; row++)
        {
            for (int head = 0; head < shape.KvHeads; head++)
            {
                Write(all.Keys, ((long)head * all.Stride) + first + row, Read(keys, (row * shape.KvHeads) + head, shape.HeadDim));
                Write(all.Values, ((long)head * all.Stride) + first + row, Read(values, (row * shape.KvHeads) + head, shape.HeadDim));
            }
        }
    }

    public override PromptQueries TakeQueries(int layer, PromptQueryNeeds needs, Arena host) => throw new NotSupportedException();

    public override void Observe(int layer, int first, int count, Workspace workspace, PromptQueries queries) => throw new NotSupportedException();

    public override void Attend(int layer, int first, int count, Workspace workspace, KeyValues all)
    {
        int group = shape.Heads / shape.KvHeads;
        for (int row = 0; row < count; row++)
        {
            int last = first + row, start = Math.Max(0, last + 1 - (shape.Layer(layer).SlidingWindow ?? int.MaxValue));
            for (int head = 0; head < shape.Heads; head++)
            {
                double[] query = Read(workspace.Queries, (row * shape.Heads) + head, shape.HeadDim);
                long kvRow = (long)(head / group) * all.Stride;
                double[] weights = [.. Enumerable.Range(start, last + 1 - start).Select(token => Math.Exp(Dot(query, Read(all.Keys, kvRow + token, shape.HeadDim))))];
                double sum = weights.Sum();
                var mix = new double[shape.HeadDim];
                for (int i = 0; i < weights.Length; i++)
                    mix = [.. mix.Zip(Read(all.Values, kvRow + start + i, shape.HeadDim), (x, value) => x + (weights[i] / sum * value))];
                Write(workspace.Attended, (row * shape.Heads) + head, mix);
            }
        }
    }

    public override void ProjectOutput(int layer, int count, Workspace workspace)
    {
        for (int row = 0; row < count; row++)
        {
            double[] hidden = Add(Read(workspace.Hidden, row, shape.HiddenSize), Linear(layer, "self_attn.o_proj", Read(workspace.Attended, row, shape.Heads * shape.HeadDim)));
            Write(workspace.Hidden, row, hidden);
            Write(workspace.Normed, row, Norm(hidden, Vector($"{Layer(layer)}post_attention_layernorm.weight")!));
        }
    }

    public override void FeedForward(int layer, int count, Workspace workspace)
    {
        for (int row = 0; row < count; row++)
        {
            double[] normed = Read(workspace.Normed, row, shape.HiddenSize), up = Linear(layer, "mlp.up_proj", normed);
            double[] gated = [.. Linear(layer, "mlp.gate_proj", normed).Zip(up, (gate, x) => gate / (1 + Math.Exp(-gate)) * x)];
            Write(workspace.Hidden, row, Add(Read(workspace.Hidden, row, shape.HiddenSize), Linear(layer, "mlp.down_proj", gated)));
        }
    }

    public override void FinalNorm(DeviceTensor hidden, int count, DeviceTensor normed)
    {
        for (int row = 0; row < count; row++)
            Write(normed, row, Norm(Read(hidden, row, shape.HiddenSize), Vector("model.norm.weight")!));
    }

    public override void Logits(DeviceTensor hidden, long first, int count, Workspace workspace, Span<float> logits)
    {
        for (int row = 0; row < count; row++)
        {
            double[] normed = Norm(Read(hidden, first + row, shape.HiddenSize), Vector("model.norm.weight")!);
            double[] all = [.. Rows("lm_head.weight").Select(weights => Dot(weights, normed))];
            for (int token = 0; token < all.Length; token++)
                logits[(row * all.Length) + token] = (float)all[token];
        }
    }

    private static string Layer(int layer) => $"model.layers.{layer}.";

    /// <summary>Queries or keys of one token: normed by head where the model does, turned in pairs of channels half a head apart (RoFormer, arXiv 2104.09864), scaled.</summary>
    private double[] Heads(int layer, string which, int position, double[] normed, double scale)
    {
        int half = shape.HeadDim / 2;
        return [.. Linear(layer, $"self_attn.{which}_proj", normed).Chunk(shape.HeadDim).SelectMany(head =>
        {
            double[] numbers = Vector($"{Layer(layer)}self_attn.{which}_norm.weight") is { } weight ? Norm(head, weight) : head;
            return Enumerable.Range(0, shape.HeadDim).Select(i =>
            {
                (double sine, double cosine) = Math.SinCos(position * Math.Pow(Theta, -2.0 * (i % half) / shape.HeadDim));
                return scale * ((numbers[i] * cosine) + (i < half ? -numbers[i + half] * sine : numbers[i - half] * sine));
            });
        })];
    }

    private double[] Linear(int layer, string name, double[] input)
    {
        double[]? bias = Vector($"{Layer(layer)}{name}.bias");
        return [.. Rows($"{Layer(layer)}{name}.weight").Select((weights, i) => Dot(weights, input) + (bias?[i] ?? 0))];
    }

    private double[][] Rows(string name) => [.. model.Tensors[name].Values.Chunk((int)model.Tensors[name].Shape[1]).Select(row => row.Select(number => (double)number).ToArray())];

    private double[]? Vector(string name) => model.Tensors.TryGetValue(name, out (string GgufName, long[] Shape, float[] Values) tensor) ? [.. tensor.Values.Select(number => (double)number)] : null;

    private static double[] Norm(double[] numbers, double[] weight)
    {
        double scale = 1 / Math.Sqrt((Dot(numbers, numbers) / numbers.Length) + Epsilon);
        return [.. numbers.Zip(weight, (x, w) => x * scale * w)];
    }

    private static double[] Add(double[] first, double[] second) => [.. first.Zip(second, (x, y) => x + y)];

    private static double Dot(double[] first, double[] second) => first.Zip(second, (x, y) => x * y).Sum();

    private static double[] Read(DeviceTensor tensor, long row, int length)
    {
        var numbers = new float[length];
        tensor.Part(row * length, length).Read(numbers);
        return [.. numbers.Select(number => (double)number)];
    }

    private static void Write(DeviceTensor tensor, long row, double[] numbers) => tensor.Part(row * numbers.Length, numbers.Length).Write([.. numbers.Select(number => (float)number)]);
}
