using System.Numerics.Tensors;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Verification;

/// <summary>Log probabilities, in nats, and divergences of distributions given by logits.</summary>
public static class LogProbabilities
{
    /// <summary>log softmax(logits)[token].</summary>
    public static double Of(ReadOnlySpan<float> logits, int token) => logits[token] - LogSumExp(logits);

    /// <summary>log softmax of all logits.</summary>
    /// <param name="logits">[vocabulary].</param>
    /// <param name="logProbabilities">[vocabulary]; may be the same memory.</param>
    public static void All(ReadOnlySpan<float> logits, Span<float> logProbabilities)
    {
        // Of large logits single precision has no digits left for what the sum adds to the largest: the largest, whose difference is exact nearby, goes first.
        float largest = TensorPrimitives.Max(logits), rest = (float)(LogSumExp(logits) - largest);
        TensorPrimitives.Subtract(logits, largest, logProbabilities);
        TensorPrimitives.Subtract(logProbabilities, rest, logProbabilities);
    }

    /// <summary>Probabilities before they are divided by their sum: exp(logit - largest).</summary>
    /// <param name="logits">[vocabulary].</param>
    /// <param name="weights">[vocabulary].</param>
    /// <returns>Their sum.</returns>
    public static float Weights(ReadOnlySpan<float> logits, Span<float> weights)
    {
        logits.CopyTo(weights);
        return Softmax.Weigh(weights[..logits.Length], TensorPrimitives.Max(logits));
    }

    /// <summary>KL(P || Q) = sum p (log p - log q), in nats; not below 0.</summary>
    /// <param name="logP">Log probabilities of P, [vocabulary].</param>
    /// <param name="logitsQ">Logits of Q, [vocabulary].</param>
    public static double Divergence(ReadOnlySpan<float> logP, ReadOnlySpan<float> logitsQ)
    {
        double normalizer = LogSumExp(logitsQ);
        const int Block = 512;
        Span<float> probabilities = stackalloc float[Block];
        double sum = 0;
        for (int start = 0; start < logP.Length; start += Block)
        {
            ReadOnlySpan<float> p = logP.Slice(start, Math.Min(Block, logP.Length - start));
            ReadOnlySpan<float> q = logitsQ.Slice(start, p.Length);
            p.CopyTo(probabilities);
            Softmax.Weigh(probabilities[..p.Length], 0);
            for (int i = 0; i < p.Length; i++)
                sum += probabilities[i] * (p[i] - (q[i] - normalizer));
        }

        return Math.Max(0, sum);
    }

    private static double LogSumExp(ReadOnlySpan<float> logits)
    {
        float largest = TensorPrimitives.Max(logits);
        const int Block = 512;
        Span<float> block = stackalloc float[Block];
        double sum = 0;
        for (int start = 0; start < logits.Length; start += Block)
        {
            Span<float> part = block[..Math.Min(Block, logits.Length - start)];
            logits.Slice(start, part.Length).CopyTo(part);
            sum += Softmax.Weigh(part, largest);
        }

        return largest + Math.Log(sum);
    }
}
