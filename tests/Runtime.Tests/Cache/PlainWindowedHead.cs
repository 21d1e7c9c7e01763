using TailorKV.Planner.Models;

namespace TailorKV.Runtime.Tests.Cache;

/// <summary>
/// The first tokens and the newest stay exact. Those between leave the window a block at a time, as soon as what stays is enough: when the prompt is
/// loaded, as the model made them; afterwards, as the window kept them.
/// </summary>
internal abstract class PlainWindowedHead(ExactPrecision precision, int sinks, int block, int keepOfPrompt, int keep) : PlainHead(precision)
{
    private int _left;

    public override void Load(float[][] keys, float[][] values)
    {
        base.Load(keys, values);
        _left = 0;
        Forget();
        while (Keys.Count - sinks - _left >= keepOfPrompt + block)
            Move(row => row);
    }

    public override void Append(float[] key, float[] value)
    {
        base.Append(key, value);
        if (Keys.Count - sinks - _left >= keep + block)
            Move(Exact);
    }

    protected IEnumerable<(float[] Key, float[] Value)> Sinks => ExactRows(0, Math.Min(sinks, Keys.Count));

    protected IEnumerable<(float[] Key, float[] Value)> Window => ExactRows(sinks + _left, Keys.Count);

    protected abstract void Forget();

    protected abstract void Leave(float[][] keys, float[][] values);

    private void Move(Func<float[], float[]> kept)
    {
        Leave(Block(Keys), Block(Values));
        _left += block;

        float[][] Block(List<float[]> rows) => [.. rows.Skip(sinks + _left).Take(block).Select(kept)];
    }
}
