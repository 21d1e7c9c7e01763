namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>What a <c>set</c> or <c>for</c> gives a value to.</summary>
internal abstract record Target
{
    /// <summary>A variable.</summary>
    public sealed record Variable(string Name) : Target;

    /// <summary>A member of a namespace.</summary>
    public sealed record Member(string Space, string Name) : Target;

    /// <summary>Several, which take the items of a list.</summary>
    public sealed record Several(IReadOnlyList<Target> Parts) : Target;
}
