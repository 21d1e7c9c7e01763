namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>What filters such as <c>map</c> and <c>selectattr</c> make: items that can be taken once, without a length, true even when there are none.</summary>
internal sealed class TemplateGenerator(List<object?> items)
{
    private List<object?> rest = items;

    /// <summary>The items, none the second time.</summary>
    public List<object?> Take()
    {
        List<object?> taken = rest;
        rest = [];
        return taken;
    }

    /// <summary>The first item alone, or undefined.</summary>
    public object? TakeFirst()
    {
        object? first = rest.Count > 0 ? rest[0] : Undefined.Value;
        rest = rest.Count > 0 ? rest[1..] : rest;
        return first;
    }
}
