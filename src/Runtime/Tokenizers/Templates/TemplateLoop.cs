namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>The variable <c>loop</c>.</summary>
/// <param name="items">What the loop runs over.</param>
/// <param name="depth">How many recursive loops it is within.</param>
/// <param name="recurse">Runs the loop over other items, for loops marked as recursive.</param>
internal sealed class TemplateLoop(List<object?> items, int depth, TemplateFunction? recurse)
{
    private object? lastSeen = Undefined.Value;

    /// <summary>The index of the current item, from 0.</summary>
    public int Index { get; set; }

    /// <summary>What calling it does, or null.</summary>
    public TemplateFunction? Recurse => recurse;

    public object? Member(string name, TemplateErrors errors) => name switch
    {
        "index0" => (long)Index,
        "index" => Index + 1L,
        "revindex0" => items.Count - Index - 1L,
        "revindex" => (long)items.Count - Index,
        "first" => Index == 0,
        "last" => Index == items.Count - 1,
        "length" => (long)items.Count,
        "depth0" => (long)depth,
        "depth" => depth + 1L,
        "previtem" => Index > 0 ? items[Index - 1] : Undefined.Value,
        "nextitem" => Index + 1 < items.Count ? items[Index + 1] : Undefined.Value,
        "cycle" => new TemplateFunction(arguments => arguments.Positional.Count > 0
            ? arguments.Positional[Index % arguments.Positional.Count]
            : throw errors.Failed("cycles through nothing")),
        "changed" => new TemplateFunction(arguments =>
        {
            var now = new TemplateTuple(arguments.Positional);
            bool changed = !TemplateValue.AreEqual(now, lastSeen, errors);
            lastSeen = now;
            return changed;
        }),
        _ => new Undefined($"loop.{name}"),
    };
}
