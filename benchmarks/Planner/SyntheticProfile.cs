using TailorKV.Planner.Machines;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Planner.Profiles;

namespace TailorKV.Benchmarks.Planner;

/// <summary>
/// A profile of a model that does not exist, with the catalogue's policies: losses fall with bits and tokens as measured ones do, by factors that differ from layer
/// to layer, and are scattered by 20 %. Of each layer's policies none beats another in everything as long as there are enough of those.
/// </summary>
internal static class SyntheticProfile
{
    private const double Scatter = 0.2;

    /// <summary>Makes one.</summary>
    /// <param name="seed">The same seed gives the same profile.</param>
    /// <param name="layers">Layers, each of the shape of Llama 3 70B's.</param>
    /// <param name="options">Options of a layer.</param>
    /// <param name="context">Tokens of context at which no option of a layer beats another.</param>
    /// <param name="machine">The machine on which none does.</param>
    public static ModelProfile Make(int seed, int layers, int options, int context, Machine machine)
    {
        var random = new Random(seed);
        var shape = new ModelShape
        {
            Architecture = "llama",
            Layers = layers,
            HiddenSize = 8192,
            IntermediateSize = 28672,
            Heads = 64,
            KvHeads = 8,
            HeadDim = 128,
            VocabularySize = 128256,
            ContextLength = 131072,
        };
        long weightBytes = layers * 440_000_000L;
        return new ModelProfile
        {
            Tool = "benchmarks",
            Model = new ModelFingerprint { Name = "synthetic", Shape = shape, WeightBytes = weightBytes, WeightsHash = "xxh128:00" },
            Text = new CalibrationText { Source = "synthetic", Sha256 = "00", Windows = 1, Seed = seed },
            Context = 4096,
            Tail = 32,
            Layers = [.. Enumerable.Range(0, layers).Select(layer =>
            {
                var sensitivity = new Sensitivity(Math.Exp(Normal(random)), Math.Exp(Normal(random)), Math.Exp(Normal(random)));
                return new LayerProfile
                {
                    Layer = layer,
                    DensePreference = 0.5,
                    HeadDensePreference = [.. Enumerable.Repeat(0.5, shape.Heads)],
                    Options = Choose(random, options, Catalogue.Allowed(Catalogue.All, shape.Layer(layer), layer), policy => new MeasuredOption
                    {
                        Policy = policy,
                        Loss = sensitivity.Loss(policy) * Math.Exp(Scatter * Normal(random)),
                        OutputError = 0,
                    }, policy => Costs(policy, shape, weightBytes, layer, context, machine)),
                };
            })],
        };
    }

    // The exact cache, and others drawn from the options that none beats; where there are not enough of those, from the rest.
    private static MeasuredOption[] Choose(Random random, int count, IReadOnlyList<LayerPolicy> policies, Func<LayerPolicy, MeasuredOption> measure, Func<LayerPolicy, long[]> costs)
    {
        var unbeaten = new List<(MeasuredOption Option, long[] Costs)>();
        var beaten = new List<MeasuredOption>();
        foreach (MeasuredOption option in policies.Select(measure).OrderBy(option => option.Loss))
        {
            long[] own = costs(option.Policy);
            if (unbeaten.Exists(better => NoMore(better.Costs, own)))
                beaten.Add(option);
            else
                unbeaten.Add((option, own));
        }

        MeasuredOption[] drawn = [.. unbeaten.Select(other => other.Option)], rest = [.. beaten];
        random.Shuffle(drawn);
        random.Shuffle(rest);
        return [.. drawn.Concat(rest).OrderByDescending(option => option.Policy is FullPolicy).Take(count)];
    }

    private static bool NoMore(long[] a, long[] b)
    {
        for (int i = 0; i < a.Length; i++)
        {
            if (a[i] > b[i])
                return false;
        }

        return true;
    }

    private static long[] Costs(LayerPolicy policy, ModelShape shape, long weightBytes, int layer, int context, Machine machine)
    {
        CacheBytes bytes = policy.Bytes(shape.Layer(layer), context);
        LayerTime time = LatencyModel.Layer(machine, shape, weightBytes, layer, policy, context, batch: 1);
        return [bytes.Device, bytes.Host, bytes.Staging, time.Work, time.Prefetch, policy is RetrievedPolicy { Index: CriticalChannels } ? 1 : 0];
    }

    private static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    /// <summary>How much a layer minds coded keys, coded values, and tokens it does not see.</summary>
    private sealed record Sensitivity(double Keys, double Values, double Tokens)
    {
        /// <summary>A loss in nats per token, of the size that SmolLM2's layers have.</summary>
        public double Loss(LayerPolicy policy) => policy switch
        {
            FullPolicy => 0,
            QuantizedPolicy quantized => Coded(quantized.Keys, quantized.Values) / (1 + (0.02 * quantized.Sinks) + (0.002 * quantized.Recent)),
            RefinedPolicy refined => 0.1 * Coded(refined.Keys, refined.Values) * Math.Pow(refined.TopK / 64.0, -0.4),
            RetrievedPolicy retrieved => 0.02 * Tokens * Math.Pow(retrieved.TopK / 64.0, -0.7) * Index(retrieved.Index),
            _ => throw new ArgumentOutOfRangeException(nameof(policy), policy, "There is no loss for this kind of policy."),
        };

        private double Coded(CodeFormat keys, CodeFormat values) =>
            0.5 * ((Keys * Error(keys)) + (0.5 * Values * Error(values)));

        private static double Index(KeyIndex index) => index switch
        {
            CodedKeys coded => 1 + (2 * Error(coded.Keys)),
            CriticalChannels channels => 1 + (4.0 / channels.Count),
            _ => throw new ArgumentOutOfRangeException(nameof(index), index, "There is no loss for this kind of index."),
        };

        // A bit more divides a squared error by four.
        private static double Error(CodeFormat format) => Math.Pow(4, -format.MeanBits) * format switch
        {
            PerChannelFormat channel => 1 + (channel.Group / 128.0),
            PerTokenFormat token => 4 + (token.Group / 32.0),
            RotatedAffineFormat rotated => 2 + (rotated.Group / 64.0),
            RotatedNormalFormat => 1.5,
            _ => 3,
        };
    }
}
