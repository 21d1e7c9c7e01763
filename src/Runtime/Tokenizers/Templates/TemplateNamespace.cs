namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>What <c>namespace()</c> makes: variables that outlive the loop that sets them.</summary>
internal sealed class TemplateNamespace
{
    public Dictionary<string, object?> Members { get; } = [];
}
