namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>A part of a template that is carried out.</summary>
internal abstract record Statement
{
    /// <summary>Text to copy.</summary>
    public sealed record Text(string Value) : Statement;

    /// <summary><c>{{ value }}</c>.</summary>
    public sealed record Print(Expression Value) : Statement;

    /// <summary><c>{% set name = value %}</c>, or a member of a namespace.</summary>
    public sealed record Set(string Name, string? Member, Expression Value) : Statement;

    /// <summary><c>{% if %}</c> with its elif branches.</summary>
    public sealed record If(IReadOnlyList<(Expression Condition, IReadOnlyList<Statement> Then)> Branches, IReadOnlyList<Statement> Else) : Statement;

    /// <summary><c>{% for name in items if filter %}</c>; several names unpack items that are lists.</summary>
    public sealed record For(IReadOnlyList<string> Names, Expression Items, Expression? Filter, IReadOnlyList<Statement> Body, IReadOnlyList<Statement> Else) : Statement;
}
