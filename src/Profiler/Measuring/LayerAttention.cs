namespace TailorKV.Profiler.Measuring;

/// <summary>Where a layer looks, measured in one window.</summary>
/// <param name="Densities">Dense-preference scores, [scored context][query head].</param>
/// <param name="Recalls">Attention recalled, [exactly, then each index][count].</param>
internal sealed record LayerAttention(double[][] Densities, double[][] Recalls);
