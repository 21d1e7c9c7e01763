namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>A part of a template that is carried out.</summary>
internal abstract record Statement
{
    /// <summary>Text to copy.</summary>
    public sealed record Text(string Value) : Statement;

    /// <summary><c>{{ value }}</c>.</summary>
    public sealed record Print(Expression Value) : Statement;

    /// <summary><c>{% set target = value %}</c>.</summary>
    public sealed record Set(Target Target, Expression Value) : Statement;

    /// <summary><c>{% set target %}...{% endset %}</c>, the text passed through filters.</summary>
    public sealed record SetBlock(Target Target, Expression.Filter? Filter, IReadOnlyList<Statement> Body) : Statement;

    /// <summary><c>{% if %}</c> with its elif branches.</summary>
    public sealed record If(IReadOnlyList<(Expression Condition, IReadOnlyList<Statement> Then)> Branches, IReadOnlyList<Statement> Else) : Statement;

    /// <summary><c>{% for target in items if filter %}</c>.</summary>
    public sealed record For(
        Target Target, Expression Items, Expression? Filter, bool IsRecursive, IReadOnlyList<Statement> Body, IReadOnlyList<Statement> Else) : Statement;

    /// <summary><c>{% break %}</c> or <c>{% continue %}</c>.</summary>
    public sealed record Leave(bool Continues) : Statement;

    /// <summary><c>{% macro name(parameters) %}</c>.</summary>
    public sealed record DefineMacro(string Name, Macro Macro) : Statement;

    /// <summary><c>{% call(parameters) function(arguments) %}</c>: the body is the macro <c>caller</c> in the function.</summary>
    public sealed record CallBlock(Expression.Call Call, Macro Caller) : Statement;

    /// <summary><c>{% filter name %}</c>.</summary>
    public sealed record FilterBlock(Expression.Filter Filter, IReadOnlyList<Statement> Body) : Statement;

    /// <summary><c>{% with target = value %}</c>, or <c>{% generation %}</c> without targets: a block with variables of its own.</summary>
    public sealed record With(IReadOnlyList<(Target Target, Expression Value)> Values, IReadOnlyList<Statement> Body) : Statement;
}
