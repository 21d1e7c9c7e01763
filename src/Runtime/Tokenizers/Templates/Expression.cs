namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>A part of a template that has a value.</summary>
internal abstract record Expression
{
    /// <summary>A string, long, bool or null.</summary>
    public sealed record Literal(object? Value) : Expression;

    /// <summary>A list.</summary>
    public sealed record Items(IReadOnlyList<Expression> Values) : Expression;

    /// <summary>A variable.</summary>
    public sealed record Variable(string Name) : Expression;

    /// <summary><c>value.name</c> or <c>value[index]</c>.</summary>
    public sealed record Member(Expression Value, Expression Index) : Expression;

    /// <summary><c>value[start:stop:step]</c>.</summary>
    public sealed record Slice(Expression Value, Expression? Start, Expression? Stop, Expression? Step) : Expression;

    /// <summary><c>not</c>, <c>-</c> or <c>+</c> before a value.</summary>
    public sealed record Unary(string Operator, Expression Value) : Expression;

    /// <summary>An operator between two values.</summary>
    public sealed record Binary(string Operator, Expression Left, Expression Right) : Expression;

    /// <summary><c>then if condition else other</c>.</summary>
    public sealed record Conditional(Expression Condition, Expression Then, Expression? Else) : Expression;

    /// <summary><c>value | name(arguments)</c>.</summary>
    public sealed record Filter(Expression Value, string Name, Arguments Arguments) : Expression;

    /// <summary><c>value is name</c>.</summary>
    public sealed record Test(Expression Value, string Name) : Expression;

    /// <summary><c>value.name(arguments)</c>.</summary>
    public sealed record Method(Expression Value, string Name, Arguments Arguments) : Expression;

    /// <summary><c>name(arguments, name=value)</c>.</summary>
    public sealed record Call(string Name, Arguments Arguments) : Expression;
}
