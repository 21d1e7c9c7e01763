namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>A filter, test or method: called with the value before it, and arguments.</summary>
internal delegate object? TemplateRoutine(object? value, Arguments arguments);
