using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using TailorKV.Planner;

namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>Parses expressions, with Jinja's precedence.</summary>
internal sealed class ExpressionParser(TemplateTokens tokens)
{
    private static readonly string[] Comparisons = ["==", "!=", "<=", ">=", "<", ">"];
    private static readonly string[] AfterTest = ["else", "or", "and", "if", "in", "not", "is", "recursive"];
    private static readonly string[] Products = ["*", "/", "//", "%"];

    /// <summary>One expression.</summary>
    /// <exception cref="InvalidFileException">It is malformed or nested too deep.</exception>
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

    /// <summary>One expression, or several with commas between: a tuple.</summary>
    /// <exception cref="InvalidFileException">As <see cref="Parse"/>.</exception>
    public Expression ParseTuple(bool withConditional = true)
    {
        Expression first = withConditional ? Parse() : ParseWithoutConditional();
        if (!tokens.At(","))
            return first;
        List<Expression> values = [first];
        while (tokens.TryTake(",") && tokens.Current.Kind != TemplateTokenKind.End && !tokens.At(")") && !tokens.AtName("if"))
            values.Add(withConditional ? Parse() : ParseWithoutConditional());
        return new Expression.Items(values, IsTuple: true);
    }

    /// <summary>One expression that an <c>if</c> does not continue.</summary>
    /// <exception cref="InvalidFileException">As <see cref="Parse"/>.</exception>
    private Expression ParseWithoutConditional()
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
        Expression first = ParseSum();
        var rest = new List<(string Operator, Expression Value)>();
        while (TakeComparison() is { } name)
            rest.Add((name, ParseSum()));
        return rest.Count == 0 ? first : new Expression.Comparison(first, rest);
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
        Expression value = ParsePower();
        while (Array.Find(Products, tokens.At) is not null)
            value = new Expression.Binary(tokens.Take().Text, value, ParsePower());
        return value;
    }

    private Expression ParsePower()
    {
        Expression value = ParseUnary(filters: true);
        while (tokens.TryTake("**"))
            value = new Expression.Binary("**", value, ParseUnary(filters: true));
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
                int numberBase = token.Text.Length < 2 ? 10 : char.ToLowerInvariant(token.Text[1]) switch { 'x' => 16, 'o' => 8, 'b' => 2, _ => 10 };
                return new Expression.Literal(PythonNumber.ParseInteger(token.Text, numberBase) ?? throw tokens.Invalid($"the number {token.Text} is too large"));
            case TemplateTokenKind.Fraction:
                return new Expression.Literal(PythonNumber.ParseFloat(token.Text));
            case TemplateTokenKind.Name:
                return token.Text switch
                {
                    "true" or "True" => new Expression.Literal(true),
                    "false" or "False" => new Expression.Literal(false),
                    "none" or "None" => new Expression.Literal(null),
                    _ => new Expression.Variable(token.Text),
                };
            case TemplateTokenKind.Operator when token.Text == "(":
                Expression value = tokens.At(")") ? new Expression.Items([], IsTuple: true) : ParseTuple();
                tokens.Expect(")");
                return value;
            case TemplateTokenKind.Operator when token.Text == "[":
                return new Expression.Items(ParseList("]", Parse), IsTuple: false);
            case TemplateTokenKind.Operator when token.Text == "{":
                return new Expression.Mapping(ParseList("}", ParsePair));
            default:
                throw tokens.Invalid($"expected a value, found '{token.Text}'");
        }
    }

    private (Expression Key, Expression Value) ParsePair()
    {
        Expression key = Parse();
        tokens.Expect(":");
        return (key, Parse());
    }

    /// <summary>Items with commas between, up to a bracket, which it consumes.</summary>
    private List<T> ParseList<T>(string end, Func<T> parse)
    {
        var items = new List<T>();
        while (!tokens.TryTake(end))
        {
            items.Add(parse());
            if (!tokens.At(end))
                tokens.Expect(",");
        }
        return items;
    }

    private Expression ParseMembers(Expression value)
    {
        while (true)
        {
            if (tokens.TryTake("."))
            {
                object index = tokens.Current.Kind == TemplateTokenKind.Integer ? long.Parse(tokens.Take().Text, CultureInfo.InvariantCulture)
                    : tokens.Expect(TemplateTokenKind.Name).Text;
                value = new Expression.Member(value, new Expression.Literal(index), IsDotted: true);
            }
            else if (tokens.TryTake("["))
            {
                value = ParseSubscript(value);
            }
            else if (tokens.TryTake("("))
            {
                value = new Expression.Call(value, ParseList(")", ParseArgument));
            }
            else
            {
                return value;
            }
        }
    }

    private Expression ParseSubscript(Expression value)
    {
        Expression? start = tokens.At(":") ? null : Parse();
        if (tokens.TryTake("]"))
            return new Expression.Member(value, start!, IsDotted: false);
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
                value = ParseFilter(value);
            }
            else if (tokens.TryTakeName("is"))
            {
                value = ParseTest(value);
            }
            else if (tokens.TryTake("("))
            {
                value = new Expression.Call(value, ParseList(")", ParseArgument));
            }
            else
            {
                return value;
            }
        }
    }

    /// <summary>A chain of filters without what they are given, from the first one's name on; it is given the text of a block.</summary>
    /// <exception cref="InvalidFileException">As <see cref="Parse"/>.</exception>
    public Expression.Filter ParseBlockFilter()
    {
        Expression.Filter filter = ParseFilter(null);
        while (tokens.TryTake("|"))
            filter = ParseFilter(filter);
        return filter;
    }

    private Expression.Filter ParseFilter(Expression? value)
    {
        string name = tokens.Expect(TemplateTokenKind.Name).Text;
        return new Expression.Filter(value, name, tokens.TryTake("(") ? ParseList(")", ParseArgument) : []);
    }

    private Expression ParseTest(Expression value)
    {
        bool isNegated = tokens.TryTakeName("not");
        string name = tokens.Expect(TemplateTokenKind.Name).Text;
        List<Argument> arguments = tokens.TryTake("(") ? ParseList(")", ParseArgument)
            : StartsTestArgument() ? [new Argument(null, ParseMembers(ParsePrimary()))]
            : [];
        var test = new Expression.Test(value, name, arguments);
        return isNegated ? new Expression.Unary("not", test) : test;
    }

    private bool StartsTestArgument() => tokens.Current.Kind switch
    {
        TemplateTokenKind.String or TemplateTokenKind.Integer or TemplateTokenKind.Fraction => true,
        TemplateTokenKind.Name => !Array.Exists(AfterTest, tokens.AtName),
        _ => tokens.At("[") || tokens.At("{"),
    };

    private Argument ParseArgument()
    {
        if (tokens.At("*") || tokens.At("**"))
            return new Argument(tokens.Take().Text, Parse());
        if (tokens.Current.Kind != TemplateTokenKind.Name || !tokens.NextIs("="))
            return new Argument(null, Parse());
        string name = tokens.Take().Text;
        tokens.Take();
        return new Argument(name, Parse());
    }
}
