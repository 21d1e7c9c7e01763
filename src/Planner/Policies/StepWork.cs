namespace TailorKV.Planner.Policies;

/// <summary>
/// What one decoded token asks of one layer's cache when the context is full, at the most: a window that fills up before its oldest tokens leave
/// counts as full. Weights are not in it.
/// </summary>
/// <param name="DeviceBytes">Bytes read on the device: the cache's own, and those that came over the host link once more.</param>
/// <param name="MultiplyAdds">Multiply-adds of scores and weighted sums, of all query heads, and of turning by matrices that a code format keeps; Hadamard matrices, rounding, softmax and choosing are not counted.</param>
/// <param name="PrefetchedBytes">Bytes over the host link that are known before the layer runs, and may be fetched while the layer before does.</param>
/// <param name="FetchedBytes">Bytes over the host link that are known only while the layer runs.</param>
public readonly record struct StepWork(long DeviceBytes, long MultiplyAdds, long PrefetchedBytes, long FetchedBytes)
{
    /// <summary>The work of both parts.</summary>
    public static StepWork operator +(StepWork a, StepWork b) => new(
        a.DeviceBytes + b.DeviceBytes, a.MultiplyAdds + b.MultiplyAdds, a.PrefetchedBytes + b.PrefetchedBytes, a.FetchedBytes + b.FetchedBytes);

    /// <summary>The same as the operator.</summary>
    public static StepWork Add(StepWork a, StepWork b) => a + b;
}
