namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>The variables of a block, which sees those of the blocks around it.</summary>
internal sealed class TemplateScope(TemplateScope? outer)
{
    private readonly Dictionary<string, object?> variables = [];

    private TemplateScope? Outer => outer;

    public object? this[string name]
    {
        set => variables[name] = value;
    }

    /// <summary>The innermost variable of a name, or undefined.</summary>
    public object? Find(string name)
    {
        for (TemplateScope? scope = this; scope is not null; scope = scope.Outer)
        {
            if (scope.variables.TryGetValue(name, out object? value))
                return value;
        }
        return new Undefined($"'{name}'");
    }
}
