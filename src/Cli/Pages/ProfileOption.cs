using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;

namespace TailorKV.Cli.Pages;

/// <summary>One way of keeping layers, and what was measured of it in each layer of a profile.</summary>
/// <param name="Policy">The way.</param>
/// <param name="Layers">What was measured, by layer; null where it was not.</param>
/// <param name="Bytes">Bytes of all layers' caches at the profile's context and tail; staging is the most that a layer needs.</param>
internal sealed record ProfileOption(LayerPolicy Policy, IReadOnlyList<MeasuredOption?> Layers, CacheBytes Bytes)
{
    // More rows than this make no picture.
    private const int MostShown = 120;

    /// <summary>The choices in a few words.</summary>
    public string Name => Policy.Describe();

    /// <summary>Mean loss of the layers measured, in nats per token.</summary>
    public double MeanLoss => Layers.Average(layer => layer?.Loss)!.Value;

    /// <summary>Mean change of the correct next token's log probability, in nats; null where it was not measured.</summary>
    public double? MeanLogProbabilityChange => Layers.Average(layer => layer?.LogProbabilityChange);

    /// <summary>Mean recall; null where it was not measured.</summary>
    public double? MeanRecall => Layers.Average(layer => layer?.Recall);

    /// <summary>The options of a profile, by kind and then from the most device bytes to the fewest.</summary>
    /// <param name="profile">The profile.</param>
    public static IReadOnlyList<ProfileOption> Of(ModelProfile profile)
    {
        var measured = new Dictionary<LayerPolicy, MeasuredOption?[]>();
        foreach (LayerProfile layer in profile.Layers)
        {
            foreach (MeasuredOption option in layer.Options)
            {
                if (!measured.TryGetValue(option.Policy, out MeasuredOption?[]? layers))
                    measured[option.Policy] = layers = new MeasuredOption?[profile.Layers.Count];
                layers[layer.Layer] = option;
            }
        }

        List<PolicyKind> kinds = [.. LayerPolicy.Kinds];
        return
        [
            .. measured.Select(entry => new ProfileOption(entry.Key, entry.Value, BytesOf(entry.Key, profile)))
                .OrderBy(option => kinds.IndexOf(option.Policy.Kind)).ThenByDescending(option => option.Bytes.Device).ThenBy(option => option.MeanLoss),
        ];
    }

    /// <summary>The options that a page has room for: all, or those to which no other of their kind is better in both device bytes and mean loss.</summary>
    /// <param name="options">All options.</param>
    public static IReadOnlyList<ProfileOption> Shown(IReadOnlyList<ProfileOption> options)
    {
        if (options.Count <= MostShown)
            return options;
        var unbeaten = new HashSet<ProfileOption>(ReferenceEqualityComparer.Instance);
        foreach (IGrouping<PolicyKind, ProfileOption> kind in options.GroupBy(option => option.Policy.Kind))
        {
            double least = double.PositiveInfinity;
            foreach (ProfileOption option in kind.OrderBy(option => option.Bytes.Device).ThenBy(option => option.MeanLoss).Where(option => option.MeanLoss < least))
            {
                least = option.MeanLoss;
                unbeaten.Add(option);
            }
        }

        return [.. options.Where(unbeaten.Contains)];
    }

    private static CacheBytes BytesOf(LayerPolicy policy, ModelProfile profile)
    {
        CacheBytes sum = default;
        for (int layer = 0; layer < profile.Layers.Count; layer++)
        {
            LayerShape shape = profile.Model.Shape.Layer(layer);
            CacheBytes bytes = (policy.Problem(shape, layer) is null ? policy : new FullPolicy()).Bytes(shape, profile.Context + profile.Tail);
            sum = new CacheBytes(sum.Device + bytes.Device, sum.Host + bytes.Host, Math.Max(sum.Staging, bytes.Staging));
        }

        return sum;
    }
}
