using System.Runtime.CompilerServices;
using System.Text;
using TailorKV.Planner;

namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>Parses expressions, with Jinja's precedence.</summary>
internal sealed class ExpressionParser(TemplateTokens tokens)
{
    private static readonly string[] Comparisons = ["==", "!=", "<=", ">=", "<", ">"];

    /// <summary>One expression.</summary>
    /// <exception cref="InvalidFileException">It is malformed or nested too deep.</exception>
    /// <exception cref="UnsupportedModelException">It uses a construct beyond the supported ones.</exception>
    public Expression Parse()
    {
        Expression value = ParseWithoutConditional();
        while (tokens.TryTakeName("if"))
        {
            Expression condition = ParseWithoutConditional();
            value = new Expression.Conditional(condition, value, tokens.TryTakeName("else") ? Parse() : null);
        }
        return value;
    }

    /// <summary>One expression, or several with commas between: a list.</summary>
    /// <exception cref="InvalidFileException">As <see cref="Parse"/>.</exception>
    /// <exception cref="UnsupportedModelException">As <see cref="Parse"/>.</exception>
    public Expression ParseTuple()
    {
        Expression first = Parse();
        if (!tokens.At(","))
            return first;
        List<Expression> values = [first];
        while (tokens.TryTake(",") && tokens.Current.Kind != TemplateTokenKind.End && !tokens.At(")"))
            values.Add(Parse());
        return new Expression.Items(values);
    }

    /// <summary>One expression that an <c>if</c> does not continue.</summary>
    /// <exception cref="InvalidFileException">As <see cref="Parse"/>.</exception>
    /// <exception cref="UnsupportedModelException">As <see cref="Parse"/>.</exception>
    public Expression ParseWithoutConditional()
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
            throw tokens.Invalid("expressions nest too deep");
        Expression value = ParseAnd();
        while (tokens.TryTakeName("or"))
            value = new Expression.Binary("or", value, ParseAnd());
        return value;
    }

    private Expression ParseAnd()
    {
        Expression value = ParseNot();
        while (tokens.TryTakeName("and"))
            value = new Expression.Binary("and", value, ParseNot());
        return value;
    }

    private Expression ParseNot()
    {
        int count = 0;
        while (tokens.TryTakeName("not"))
            count++;
        Expression value = ParseComparison();
        return count == 0 ? value : new Expression.Unary("not", count % 2 == 1 ? value : new Expression.Unary("not", value));
    }

    private Expression ParseComparison()
    {
        Expression value = ParseSum();
        if (TakeComparison() is not { } name)
            return value;
        value = new Expression.Binary(name, value, ParseSum());
        return TakeComparison() is null ? value : throw tokens.Unsupported("a chain of comparisons");
    }

    private string? TakeComparison()
    {
        if (tokens.TryTakeName("in"))
            return "in";
        if (tokens.AtName("not") && tokens.NextIsName("in"))
        {
            tokens.Take();
            tokens.Take();
            return "not in";
        }
        return Array.Find(Comparisons, tokens.TryTake);
    }

    private Expression ParseSum()
    {
        Expression value = ParseConcatenation();
        while (tokens.At("+") || tokens.At("-"))
            value = new Expression.Binary(tokens.Take().Text, value, ParseConcatenation());
        return value;
    }

    private Expression ParseConcatenation()
    {
        Expression value = ParseProduct();
        while (tokens.TryTake("~"))
            value = new Expression.Binary("~", value, ParseProduct());
        return value;
    }

    private Expression ParseProduct()
    {
        Expression value = ParseUnary(filters: true);
        while (tokens.TryTake("%"))
            value = new Expression.Binary("%", value, ParseUnary(filters: true));
        if (Array.Find(["*", "/", "//", "**"], tokens.At) is { } symbol)
            throw tokens.Unsupported($"the operator '{symbol}'");
        return value;
    }

    private Expression ParseUnary(bool filters)
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
            throw tokens.Invalid("expressions nest too deep");
        Expression value = tokens.At("-") || tokens.At("+")
            ? new Expression.Unary(tokens.Take().Text, ParseUnary(filters: false))
            : ParseMembers(ParsePrimary());
        return filters ? ParseFilters(value) : value;
    }

    private Expression ParsePrimary()
    {
        TemplateToken token = tokens.Take();
        switch (token.Kind)
        {
            case TemplateTokenKind.String:
                var text = new StringBuilder(token.Text);
                while (tokens.Current.Kind == TemplateTokenKind.String)
                    text.Append(tokens.Take().Text);
                return new Expression.Literal(text.ToString());
            case TemplateTokenKind.Integer:
                return long.TryParse(token.Text, out long number) ? new Expression.Literal(number) : throw tokens.Invalid($"the number {token.Text} is too large");
            case TemplateTokenKind.Name:
                return token.Text switch
                {
                    "true" or "True" => new Expression.Literal(true),
                    "false" or "False" => new Expression.Literal(false),
                    "none" or "None" => new Expression.Literal(null),
                    _ when tokens.TryTake("(") => new Expression.Call(token.Text, ParseArguments()),
                    _ => new Expression.Variable(token.Text),
                };
            case TemplateTokenKind.Operator when token.Text == "(":
                Expression value = tokens.At(")") ? new Expression.Items([]) : ParseTuple();
                tokens.Expect(")");
                return value;
            case TemplateTokenKind.Operator when token.Text == "[":
                var values = new List<Expression>();
                while (!tokens.TryTake("]"))
                {
                    values.Add(Parse());
                    if (!tokens.At("]"))
                        tokens.Expect(",");
                }
                return new Expression.Items(values);
            case TemplateTokenKind.Operator when token.Text == "{":
                throw tokens.Unsupported("a dictionary literal");
            default:
                throw tokens.Invalid($"expected a value, found '{token.Text}'");
        }
    }

    private Expression ParseMembers(Expression value)
    {
        while (true)
        {
            if (tokens.TryTake("."))
            {
                string name = tokens.Expect(TemplateTokenKind.Name).Text;
                value = tokens.TryTake("(") ? new Expression.Method(value, name, ParseArguments()) : new Expression.Member(value, new Expression.Literal(name));
            }
            else if (tokens.TryTake("["))
            {
                value = ParseSubscript(value);
            }
            else
            {
                return tokens.At("(") ? throw tokens.Unsupported("a call of a computed value") : value;
            }
        }
    }

    private Expression ParseSubscript(Expression value)
    {
        Expression? start = tokens.At(":") ? null : Parse();
        if (tokens.TryTake("]"))
            return new Expression.Member(value, start!);
        tokens.Expect(":");
        Expression? stop = tokens.At(":") || tokens.At("]") ? null : Parse();
        Expression? step = tokens.TryTake(":") && !tokens.At("]") ? Parse() : null;
        tokens.Expect("]");
        return new Expression.Slice(value, start, stop, step);
    }

    private Expression ParseFilters(Expression value)
    {
        while (true)
        {
            if (tokens.TryTake("|"))
            {
                string name = tokens.Expect(TemplateTokenKind.Name).Text;
                value = new Expression.Filter(value, name, tokens.TryTake("(") ? ParseArguments() : Arguments.None);
            }
            else if (tokens.TryTakeName("is"))
            {
                bool negated = tokens.TryTakeName("not");
                value = new Expression.Test(value, tokens.Expect(TemplateTokenKind.Name).Text);
                if (tokens.At("(") || tokens.Current.Kind is TemplateTokenKind.String or TemplateTokenKind.Integer)
                    throw tokens.Unsupported("a test with an argument");
                if (negated)
                    value = new Expression.Unary("not", value);
            }
            else
            {
                return value;
            }
        }
    }

    private Arguments ParseArguments()
    {
        var positional = new List<Expression>();
        var named = new List<(string, Expression)>();
        while (!tokens.TryTake(")"))
        {
            if (tokens.Current.Kind == TemplateTokenKind.Name && tokens.NextIs("="))
            {
                string name = tokens.Take().Text;
                tokens.Take();
                named.Add((name, Parse()));
            }
            else
            {
                positional.Add(Parse());
            }
            if (!tokens.At(")"))
                tokens.Expect(",");
        }
        return new Arguments(positional, named);
    }
}
