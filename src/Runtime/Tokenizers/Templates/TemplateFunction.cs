namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>What a template can call: a macro, a method of a value, <c>range</c> and so on.</summary>
internal delegate object? TemplateFunction(Arguments arguments);
