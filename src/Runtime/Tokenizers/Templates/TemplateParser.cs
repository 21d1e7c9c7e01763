using TailorKV.Planner;

namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>Parses a template's statements.</summary>
internal sealed class TemplateParser
{
    public const string Supported =
        "Supported are Jinja's expressions, for, if, set, macro, call, filter, with, break, continue, generation and raw, and the usual filters, tests, methods and "
        + "functions. Pass the finished prompt instead of a chat";

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
    /// <exception cref="UnsupportedModelException">It uses a statement beyond the supported ones.</exception>
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

    /// <summary>Parses the rest of a block: the end of its tag, the body, and the closing tag.</summary>
    private List<Statement> ParseBody(string ending)
    {
        tokens.Expect(TemplateTokenKind.End);
        List<Statement> body = ParseUntil(ending);
        tokens.Take();
        tokens.Expect(TemplateTokenKind.End);
        return body;
    }

    private Statement ParseBlock()
    {
        TemplateToken name = tokens.Expect(TemplateTokenKind.Name);
        switch (name.Text)
        {
            case "if":
                return ParseIf();
            case "for":
                return ParseFor();
            case "set":
                return ParseSet();
            case "macro":
                string macro = tokens.Expect(TemplateTokenKind.Name).Text;
                tokens.Expect("(");
                return new Statement.DefineMacro(macro, new Macro(macro, ParseParameters(), ParseBody("endmacro")));
            case "call":
                return ParseCall();
            case "filter":
                return new Statement.FilterBlock(expressions.ParseBlockFilter(), ParseBody("endfilter"));
            case "with":
                return ParseWith();
            case "generation":
                return new Statement.With([], ParseBody("endgeneration"));
            case "break" or "continue":
                tokens.Expect(TemplateTokenKind.End);
                return new Statement.Leave(Continues: name.Text == "continue");
            case "else" or "elif" or ['e', 'n', 'd', ..]:
                throw tokens.Invalid($"'{name.Text}' without its beginning");
            default:
                throw tokens.Unsupported($"the statement '{name.Text}'");
        }
    }

    private Statement.If ParseIf()
    {
        var branches = new List<(Expression Condition, IReadOnlyList<Statement> Then)>();
        List<Statement> otherwise = [];
        while (true)
        {
            Expression condition = expressions.ParseTuple();
            tokens.Expect(TemplateTokenKind.End);
            branches.Add((condition, ParseUntil("elif", "else", "endif")));
            string ending = tokens.Take().Text;
            if (ending == "elif")
                continue;
            if (ending == "else")
                otherwise = ParseBody("endif");
            else
                tokens.Expect(TemplateTokenKind.End);
            return new Statement.If(branches, otherwise);
        }
    }

    private Statement.For ParseFor()
    {
        Target target = ParseTarget();
        if (!tokens.TryTakeName("in"))
            throw tokens.Unexpected("in");
        Expression items = expressions.ParseTuple(withConditional: false);
        Expression? filter = tokens.TryTakeName("if") ? expressions.Parse() : null;
        bool isRecursive = tokens.TryTakeName("recursive");
        tokens.Expect(TemplateTokenKind.End);
        List<Statement> body = ParseUntil("else", "endfor");
        List<Statement> otherwise = [];
        if (tokens.Take().Text == "else")
            otherwise = ParseBody("endfor");
        else
            tokens.Expect(TemplateTokenKind.End);
        return new Statement.For(target, items, filter, isRecursive, body, otherwise);
    }

    private Statement ParseSet()
    {
        Target target = ParseTarget();
        if (tokens.TryTake("="))
        {
            Expression value = expressions.ParseTuple();
            tokens.Expect(TemplateTokenKind.End);
            return new Statement.Set(target, value);
        }
        Expression.Filter? filter = tokens.TryTake("|") ? expressions.ParseBlockFilter() : null;
        return new Statement.SetBlock(target, filter, ParseBody("endset"));
    }

    private Statement.CallBlock ParseCall()
    {
        List<(string Name, Expression? Default)> parameters = tokens.TryTake("(") ? ParseParameters() : [];
        Expression.Call call = expressions.Parse() as Expression.Call ?? throw tokens.Unexpected("a call");
        return new Statement.CallBlock(call, new Macro("caller", parameters, ParseBody("endcall")));
    }

    private Statement.With ParseWith()
    {
        var values = new List<(Target Target, Expression Value)>();
        while (tokens.Current.Kind != TemplateTokenKind.End)
        {
            if (values.Count > 0)
                tokens.Expect(",");
            Target target = ParseSingleTarget();
            tokens.Expect("=");
            values.Add((target, expressions.Parse()));
        }
        return new Statement.With(values, ParseBody("endwith"));
    }

    private List<(string Name, Expression? Default)> ParseParameters()
    {
        var parameters = new List<(string Name, Expression? Default)>();
        while (!tokens.TryTake(")"))
        {
            if (parameters.Count > 0)
                tokens.Expect(",");
            string name = tokens.Expect(TemplateTokenKind.Name).Text;
            parameters.Add((name, tokens.TryTake("=") ? expressions.Parse() : null));
        }
        return parameters;
    }

    private Target ParseTarget()
    {
        Target first = ParseSingleTarget();
        if (!tokens.At(","))
            return first;
        List<Target> parts = [first];
        while (tokens.TryTake(",") && (tokens.Current.Kind == TemplateTokenKind.Name || tokens.At("(")) && !tokens.AtName("in"))
            parts.Add(ParseSingleTarget());
        return new Target.Several(parts);
    }

    private Target ParseSingleTarget()
    {
        if (tokens.TryTake("("))
        {
            if (++depth > DeepestNesting)
                throw tokens.Invalid($"names nest deeper than {DeepestNesting}");
            Target parts = ParseTarget();
            depth--;
            tokens.Expect(")");
            return parts;
        }
        string name = tokens.Expect(TemplateTokenKind.Name).Text;
        return tokens.TryTake(".") ? new Target.Member(name, tokens.Expect(TemplateTokenKind.Name).Text) : new Target.Variable(name);
    }
}
