using TailorKV.Planner.Policies;

namespace TailorKV.Runtime.Tests.Backends.Cpu.Cache;

/// <summary>
/// The first tokens and the newest stay exact. Those between leave the window a block at a time, as soon as what stays is enough: when the prompt is
/// loaded, as the model made them; afterwards, as the window kept them.
/// </summary>
internal abstract class PlainWindowedHead(WindowedPolicy policy, int block, float? softCap) : PlainHead(policy.Precision, softCap)
{
    private int _left;

    public override void Load(float[][] keys, float[][] values)
    {
        base.Load(keys, values);
        _left = 0;
        Forget();
        Directions?.Begin(values[Math.Min(policy.Sinks, values.Length)..][..policy.MiddleTokens(values.Length)]);
        while (Keys.Count - policy.Sinks - _left >= policy.Recent + block)
            Move(row => row);
    }

    public override void Append(float[] key, float[] value)
    {
        base.Append(key, value);
        if (Keys.Count - policy.Sinks - _left >= policy.Recent + policy.Generated + block)
            Move(Exact);
    }

    protected IEnumerable<PlainRow> Sinks => ExactRows(0, Math.Min(policy.Sinks, Keys.Count));

    protected IEnumerable<PlainRow> Window => ExactRows(policy.Sinks + _left, Keys.Count);

    protected abstract void Forget();

    protected abstract void Leave(float[][] keys, float[][] values);

    private void Move(Func<float[], float[]> kept)
    {
        Leave(Block(Keys), Block(Values));
        _left += block;

        float[][] Block(List<float[]> rows) => [.. rows.Skip(policy.Sinks + _left).Take(block).Select(kept)];
    }
}
