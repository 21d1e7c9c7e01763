using System.Runtime.CompilerServices;
using TailorKV.Runtime.Backends.Cpu.Panels;
using TailorKV.Runtime.Numbers;

namespace TailorKV.Runtime.Backends.Cpu.Attention;

/// <summary>
/// The softmax of the queries of a panel, one in each column, over keys that come a tile at a time: what was summed up to now shrinks when a larger score comes.
/// The same to the bit in vectors of any width.
/// </summary>
internal static unsafe class RunningSoftmax
{
    /// <summary>Takes a tile of scores in.</summary>
    /// <param name="scores">[<paramref name="keys"/>, <see cref="Panel.Width"/>]: scores, minus infinity where a query does not see a key; becomes exp(score - largest).</param>
    /// <param name="keys">Rows of scores.</param>
    /// <param name="largest">[<see cref="Panel.Width"/>]: the largest scores up to now; at first <see cref="float.MinValue"/>.</param>
    /// <param name="sums">[<see cref="Panel.Width"/>]: sums of the exponentials; at first 0.</param>
    /// <param name="outputs">[<paramref name="headDim"/>, <see cref="Panel.Width"/>]: weighted sums of values, which shrink as the sums do.</param>
    /// <param name="headDim">Rows of outputs.</param>
    /// <param name="lanes">As in <see cref="PanelKernel.Multiply"/>.</param>
    public static void Update(float* scores, int keys, float* largest, float* sums, float* outputs, int headDim, int lanes)
    {
        for (int column = 0; column < Panel.Width; column += lanes)
        {
            if (lanes == 16)
                Update<Lanes512>(scores + column, keys, largest + column, sums + column, outputs + column, headDim);
            else if (lanes == 8)
                Update<Lanes256>(scores + column, keys, largest + column, sums + column, outputs + column, headDim);
            else
                UpdatePlain(scores + column, keys, largest + column, sums + column, outputs + column, headDim);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Update<TLanes>(float* scores, int keys, float* largest, float* sums, float* outputs, int headDim)
        where TLanes : struct, ILanes<TLanes>
    {
        Exponentials<TLanes> exponentials = new();
        TLanes before = TLanes.Load(largest), now = before;
        nint end = (nint)keys * Panel.Width;
        for (nint key = 0; key < end; key += Panel.Width)
            now = TLanes.Max(now, TLanes.Load(scores + key));
        TLanes sum = TLanes.Load(sums);
        if (!TLanes.AllEqual(before, now))
        {
            TLanes shrink = exponentials.Of(before - now);
            sum *= shrink;
            for (nint d = 0; d < headDim; d++)
                (TLanes.Load(outputs + (d * Panel.Width)) * shrink).Store(outputs + (d * Panel.Width));
            now.Store(largest);
        }

        for (nint key = 0; key < end; key += Panel.Width)
        {
            TLanes weight = exponentials.Of(TLanes.Load(scores + key) - now);
            weight.Store(scores + key);
            sum += weight;
        }

        sum.Store(sums);
    }

    private static void UpdatePlain(float* scores, int keys, float* largest, float* sums, float* outputs, int headDim)
    {
        float before = *largest, now = before;
        for (nint key = 0; key < keys; key++)
            now = MathF.Max(now, scores[key * Panel.Width]);
        float shrink = Exponential.Of(before - now);
        *sums *= shrink;
        for (nint d = 0; d < headDim; d++)
            outputs[d * Panel.Width] *= shrink;
        *largest = now;
        for (nint key = 0; key < keys; key++)
        {
            float weight = Exponential.Of(scores[key * Panel.Width] - now);
            scores[key * Panel.Width] = weight;
            *sums += weight;
        }
    }
}
