namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>What a piece of a template is.</summary>
internal enum TemplateTokenKind
{
    /// <summary>Text to copy.</summary>
    Text,

    /// <summary>The opening of a value to print, <c>{{</c>.</summary>
    PrintBegin,

    /// <summary>The opening of a statement, <c>{%</c>.</summary>
    BlockBegin,

    /// <summary>The end of either.</summary>
    End,

    /// <summary>A name or keyword.</summary>
    Name,

    /// <summary>A string literal, unescaped.</summary>
    String,

    /// <summary>An integer literal.</summary>
    Integer,

    /// <summary>A literal with a decimal point or exponent.</summary>
    Fraction,

    /// <summary>An operator or bracket.</summary>
    Operator,

    /// <summary>The end of the template.</summary>
    EndOfTemplate,
}
