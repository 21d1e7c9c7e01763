using TailorKV.Planner;

namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>Parses a template's statements.</summary>
internal sealed class TemplateParser
{
    public const string Supported =
        "Supported are for, if and set; strings, integers, lists; comparisons, in, and, or, not, + - ~ %, a if b else c, subscripts and slices; "
        + "namespace and raise_exception; and the usual filters, tests and string methods. Pass the finished prompt instead of a chat";

    private const int DeepestNesting = 100;
    private readonly TemplateTokens tokens;
    private readonly ExpressionParser expressions;
    private int depth;

    public TemplateParser(List<TemplateToken> tokens, string file)
    {
        this.tokens = new TemplateTokens(tokens, file);
        expressions = new ExpressionParser(this.tokens);
    }

    /// <summary>The whole template.</summary>
    /// <exception cref="InvalidFileException">The template is malformed or nested too deep.</exception>
    /// <exception cref="UnsupportedModelException">It uses a construct beyond the supported ones.</exception>
    public IReadOnlyList<Statement> Parse()
    {
        List<Statement> statements = ParseUntil();
        if (tokens.Current.Kind != TemplateTokenKind.EndOfTemplate)
            throw tokens.Unexpected("the end of the template");
        return statements;
    }

    /// <summary>Parses up to a block that starts with one of the names, whose opening it consumes, or to the end.</summary>
    private List<Statement> ParseUntil(params ReadOnlySpan<string> endings)
    {
        if (++depth > DeepestNesting)
            throw tokens.Invalid($"blocks nest deeper than {DeepestNesting}");
        var statements = new List<Statement>();
        while (tokens.Current.Kind != TemplateTokenKind.EndOfTemplate)
        {
            TemplateToken token = tokens.Take();
            switch (token.Kind)
            {
                case TemplateTokenKind.Text:
                    statements.Add(new Statement.Text(token.Text));
                    break;
                case TemplateTokenKind.PrintBegin:
                    statements.Add(new Statement.Print(expressions.ParseTuple()));
                    tokens.Expect(TemplateTokenKind.End);
                    break;
                default:
                    if (tokens.Current.Kind == TemplateTokenKind.Name && endings.Contains(tokens.Current.Text))
                    {
                        depth--;
                        return statements;
                    }
                    statements.Add(ParseBlock());
                    break;
            }
        }
        if (!endings.IsEmpty)
            throw tokens.Unexpected(endings[^1]);
        depth--;
        return statements;
    }

    private Statement ParseBlock()
    {
        TemplateToken name = tokens.Expect(TemplateTokenKind.Name);
        return name.Text switch
        {
            "if" => ParseIf(),
            "for" => ParseFor(),
            "set" => ParseSet(),
            "else" or "elif" or "endif" or "endfor" => throw tokens.Invalid($"'{name.Text}' without its beginning"),
            _ => throw tokens.Unsupported($"the statement '{name.Text}'"),
        };
    }

    private Statement.If ParseIf()
    {
        var branches = new List<(Expression Condition, List<Statement> Then)>();
        List<Statement> otherwise = [];
        while (true)
        {
            Expression condition = expressions.Parse();
            tokens.Expect(TemplateTokenKind.End);
            branches.Add((condition, ParseUntil("elif", "else", "endif")));
            string ending = tokens.Take().Text;
            if (ending == "elif")
                continue;
            tokens.Expect(TemplateTokenKind.End);
            if (ending == "else")
            {
                otherwise = ParseUntil("endif");
                tokens.Take();
                tokens.Expect(TemplateTokenKind.End);
            }
            break;
        }
        return new Statement.If(branches.ConvertAll(branch => (branch.Condition, (IReadOnlyList<Statement>)branch.Then)), otherwise);
    }

    private Statement.For ParseFor()
    {
        var names = new List<string>();
        do
            names.Add(tokens.Expect(TemplateTokenKind.Name).Text);
        while (tokens.TryTake(","));
        if (!tokens.TryTakeName("in"))
            throw tokens.Unexpected("in");
        Expression items = expressions.ParseWithoutConditional();
        Expression? filter = tokens.TryTakeName("if") ? expressions.Parse() : null;
        if (tokens.TryTakeName("recursive"))
            throw tokens.Unsupported("a recursive loop");
        tokens.Expect(TemplateTokenKind.End);
        List<Statement> body = ParseUntil("else", "endfor");
        List<Statement> otherwise = [];
        if (tokens.Take().Text == "else")
        {
            tokens.Expect(TemplateTokenKind.End);
            otherwise = ParseUntil("endfor");
            tokens.Take();
        }
        tokens.Expect(TemplateTokenKind.End);
        return new Statement.For(names, items, filter, body, otherwise);
    }

    private Statement.Set ParseSet()
    {
        string name = tokens.Expect(TemplateTokenKind.Name).Text;
        string? member = tokens.TryTake(".") ? tokens.Expect(TemplateTokenKind.Name).Text : null;
        if (!tokens.TryTake("="))
            throw tokens.Unsupported("set other than name = value");
        Expression value = expressions.ParseTuple();
        tokens.Expect(TemplateTokenKind.End);
        return new Statement.Set(name, member, value);
    }
}
