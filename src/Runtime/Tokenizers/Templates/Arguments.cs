namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>What a filter, function or method is called with.</summary>
internal sealed record Arguments(IReadOnlyList<Expression> Positional, IReadOnlyList<(string Name, Expression Value)> Named)
{
    /// <summary>No arguments.</summary>
    public static Arguments None { get; } = new([], []);
}
