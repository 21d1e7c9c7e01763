namespace TailorKV.Planner.Policies;

/// <summary>
/// A kind of layer policy, as everything sees it that goes through all kinds: catalogues, machines, measurements, pages and tests. A kind is registered by a line in <see cref="LayerPolicy.Kinds"/>;
/// docs/adding-a-policy.md has the rest.
/// </summary>
/// <param name="name">Its name in JSON, and in tables and pages.</param>
/// <param name="type">The record of its options.</param>
public sealed class PolicyKind(string name, Type type)
{
    /// <summary>Its name in JSON, and in tables and pages.</summary>
    public string Name { get; } = name;

    /// <summary>The record of its options.</summary>
    public Type Type { get; } = type;

    /// <summary>What it does with a layer, in a few words for a legend.</summary>
    public required string Meaning { get; init; }

    /// <summary>Its colour on light pages, as CSS has it.</summary>
    public required string Colour { get; init; }

    /// <summary>Its colour on dark pages.</summary>
    public required string DarkColour { get; init; }

    /// <summary>The kind whose kernel rates stand in on machines that have none of this one; null where every machine must have them.</summary>
    public PolicyKind? RatesOf { get; init; }

    /// <summary>Options of <see cref="Catalogue.Diagnostic"/>.</summary>
    public IReadOnlyList<LayerPolicy> Diagnostic { get; init; } = [];

    /// <summary>Options of <see cref="Catalogue.Standard"/>.</summary>
    public IReadOnlyList<LayerPolicy> Standard { get; init; } = [];

    /// <summary>Options of <see cref="Catalogue.All"/>.</summary>
    public IReadOnlyList<LayerPolicy> All { get; init; } = [];

    /// <summary>
    /// Options whose steps are timed where a machine is measured, from one end of what plans choose to the other: one rate stands for all of the kind. Without any, <see cref="RatesOf"/> stands in.
    /// </summary>
    public IReadOnlyList<LayerPolicy> Timed { get; init; } = [];

    /// <inheritdoc/>
    public override string ToString() => Name;
}
