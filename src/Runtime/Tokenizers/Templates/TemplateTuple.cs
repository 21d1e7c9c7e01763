namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>A list that Python prints with parentheses and that equals no other list.</summary>
internal sealed class TemplateTuple(IEnumerable<object?> items) : List<object?>(items);
