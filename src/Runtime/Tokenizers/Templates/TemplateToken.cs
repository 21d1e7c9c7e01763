namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>A piece of a template: text between tags, or a token within one.</summary>
internal readonly record struct TemplateToken(TemplateTokenKind Kind, string Text, int Line);
