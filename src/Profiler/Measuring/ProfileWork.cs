using TailorKV.Planner.Models;
using TailorKV.Planner.Profiles;

namespace TailorKV.Profiler.Measuring;

/// <summary>The multiply-adds that measuring takes, so that progress is told in shares of the time.</summary>
/// <param name="shape">The model's shape.</param>
/// <param name="context">Tokens before those judged.</param>
/// <param name="tail">Tokens judged.</param>
internal sealed class ProfileWork(ModelShape shape, int context, int tail)
{
    // Coded attention, token by token, makes about a third of the multiply-adds in a time that products of many rows do; coding the context costs about ten a number.
    private const double DecodeFactor = 3;
    private const double LoadFactor = 10;

    private double _done;
    private double _left;

    /// <summary>The share done, 0 to 1.</summary>
    /// <param name="underWay">Work that is done of what is not finished.</param>
    public double ShareWith(double underWay) => Math.Min(1, (_done + underWay) / Math.Max(1, _done + _left));

    /// <summary>One exact pass over a window.</summary>
    public double ExactPass => (shape.Layers * (context + tail) * (LayerProducts + ((double)(context + tail) * AttentionProducts))) + Judging;

    /// <summary>One pass over the tokens of a window that gradients are taken over: forward, forward once more for each layer's derivatives, and these, which take twice as much.</summary>
    public double GradientPass
    {
        get
        {
            double tokens = Math.Min(context, LayerGradients.MostTokens);
            return tokens * ((4 * shape.Layers * (LayerProducts + (tokens * AttentionProducts))) + (3.0 * shape.VocabularySize * shape.HiddenSize));
        }
    }

    /// <summary>The cheap measure of one option of a layer.</summary>
    public double OutputError =>
        (DecodeFactor * 2 * tail * (double)context * AttentionProducts) + (LoadFactor * context * shape.KvHeads * shape.HeadDim);

    private double LayerProducts =>
        (shape.HiddenSize * ((2.0 * shape.Heads) + (2 * shape.KvHeads)) * shape.HeadDim) + (3.0 * shape.HiddenSize * shape.IntermediateSize);

    private double AttentionProducts => (double)shape.Heads * shape.HeadDim;

    private double Judging => (double)tail * shape.VocabularySize * shape.HiddenSize;

    /// <summary>The full measure of one option of a layer, whose layers above are computed anew.</summary>
    public double Measure(int layer) =>
        OutputError + ((shape.Layers - layer) * tail * (LayerProducts + (2.0 * context * AttentionProducts))) + Judging;

    /// <summary>Counts work that is to be done; less than nothing where it was found needless.</summary>
    public void Expect(double products) => _left += products;

    /// <summary>Counts work that was expected and is done.</summary>
    public void Finish(double products) => (_done, _left) = (_done + products, Math.Max(0, _left - products));
}
