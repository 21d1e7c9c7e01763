namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>Python's slices.</summary>
internal static class PythonSlice
{
    /// <summary>The indexes that <c>[start:stop:step]</c> stands for among some items: the first, the step and their number. The step is not 0.</summary>
    public static (int Start, int Step, int Count) Resolve(int length, long? start, long? stop, long step)
    {
        long lowest = step > 0 ? 0 : -1;
        long highest = step > 0 ? length : length - 1;
        long from = Clamp(start ?? (step > 0 ? 0 : long.MaxValue));
        long to = stop is { } given ? Clamp(given) : step > 0 ? highest : lowest;
        step = Math.Clamp(step, -length - 1L, length + 1L);
        long count = step > 0 ? (to - from + step - 1) / step : (from - to - step - 1) / -step;
        return ((int)from, (int)step, (int)Math.Max(0, count));

        long Clamp(long index) => Math.Clamp(index < 0 ? index + length : index, lowest, highest);
    }
}
