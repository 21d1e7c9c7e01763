using TailorKV.Planner;

namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>A position in a template's tokens, shared by the parsers.</summary>
internal sealed class TemplateTokens(List<TemplateToken> tokens, string file)
{
    private int position;

    public TemplateToken Current => tokens[position];

    public TemplateToken Take() => Current.Kind == TemplateTokenKind.EndOfTemplate ? Current : tokens[position++];

    public bool TryTake(string symbol) => TryTake(TemplateTokenKind.Operator, symbol);

    public bool TryTakeName(string name) => TryTake(TemplateTokenKind.Name, name);

    public bool At(string symbol) => Current.Kind == TemplateTokenKind.Operator && Current.Text == symbol;

    public bool AtName(string name) => Current.Kind == TemplateTokenKind.Name && Current.Text == name;

    public bool NextIsName(string name) => tokens[Math.Min(position + 1, tokens.Count - 1)] is { Kind: TemplateTokenKind.Name } next && next.Text == name;

    public bool NextIs(string symbol) => tokens[Math.Min(position + 1, tokens.Count - 1)] is { Kind: TemplateTokenKind.Operator } next && next.Text == symbol;

    public TemplateToken Expect(TemplateTokenKind kind) => Current.Kind == kind ? Take() : throw Unexpected(kind switch
    {
        TemplateTokenKind.End => "the end of the tag",
        TemplateTokenKind.Name => "a name",
        _ => kind.ToString(),
    });

    public void Expect(string symbol)
    {
        if (!TryTake(symbol))
            throw Unexpected(symbol);
    }

    public InvalidFileException Unexpected(string wanted) => Invalid($"expected {wanted}, found '{Current.Text}'");

    public InvalidFileException Invalid(string problem) => new(file, $"The chat template is malformed at line {Current.Line}: {problem}", "Use the model's original template");

    public UnsupportedModelException Unsupported(string what) =>
        new(file, $"The chat template uses {what} at line {Current.Line}, which is not supported", TemplateParser.Supported);

    private bool TryTake(TemplateTokenKind kind, string text)
    {
        if (Current.Kind != kind || Current.Text != text)
            return false;
        position++;
        return true;
    }
}
