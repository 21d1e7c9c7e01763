namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>A part of a template that has a value.</summary>
internal abstract record Expression
{
    /// <summary>A string, long, double, bool or null.</summary>
    public sealed record Literal(object? Value) : Expression;

    /// <summary>A list or tuple.</summary>
    public sealed record Items(IReadOnlyList<Expression> Values, bool IsTuple) : Expression;

    /// <summary>A dictionary.</summary>
    public sealed record Mapping(IReadOnlyList<(Expression Key, Expression Value)> Pairs) : Expression;

    /// <summary>A variable.</summary>
    public sealed record Variable(string Name) : Expression;

    /// <summary><c>value.name</c>, or <c>value[index]</c>.</summary>
    public sealed record Member(Expression Value, Expression Index, bool IsDotted) : Expression;

    /// <summary><c>value[start:stop:step]</c>.</summary>
    public sealed record Slice(Expression Value, Expression? Start, Expression? Stop, Expression? Step) : Expression;

    /// <summary><c>not</c>, <c>-</c> or <c>+</c> before a value.</summary>
    public sealed record Unary(string Operator, Expression Value) : Expression;

    /// <summary>An operator between two values.</summary>
    public sealed record Binary(string Operator, Expression Left, Expression Right) : Expression;

    /// <summary>Comparisons, each of a value with the one before: <c>a &lt; b &lt; c</c>.</summary>
    public sealed record Comparison(Expression First, IReadOnlyList<(string Operator, Expression Value)> Rest) : Expression;

    /// <summary><c>then if condition else other</c>.</summary>
    public sealed record Conditional(Expression Condition, Expression Then, Expression? Else) : Expression;

    /// <summary><c>value | name(arguments)</c>; the value is null where a block is filtered.</summary>
    public sealed record Filter(Expression? Value, string Name, IReadOnlyList<Argument> Arguments) : Expression;

    /// <summary><c>value is name(arguments)</c>.</summary>
    public sealed record Test(Expression Value, string Name, IReadOnlyList<Argument> Arguments) : Expression;

    /// <summary><c>function(arguments)</c>.</summary>
    public sealed record Call(Expression Function, IReadOnlyList<Argument> Arguments) : Expression;
}
