namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>The members of values: items of lists and mappings, methods. Methods that would change a value do not exist.</summary>
internal sealed class TemplateMembers
{
    private readonly TemplateRoutines ofTexts;
    private readonly TemplateRoutines ofMappings;
    private readonly TemplateRoutines ofLists;
    private readonly TemplateErrors errors;

    public TemplateMembers(TemplateRoutines ofTexts)
    {
        this.ofTexts = ofTexts;
        errors = ofTexts.Errors;
        ofMappings = new TemplateRoutines("mapping method", errors);
        ofMappings.Add("get", "key default", a => ((TemplateMapping)a[0]!).TryFind(a[1], out object? found) ? found : a[2] is Undefined ? null : a[2]);
        ofMappings.Add("items", "", a => Pairs((TemplateMapping)a[0]!, errors));
        ofMappings.Add("keys", "", a => new List<object?>(TemplateValue.Items(a[0], errors)));
        ofMappings.Add("values", "", a => Pairs((TemplateMapping)a[0]!, errors).ConvertAll(pair => ((TemplateTuple)pair!)[1]));
        ofMappings.Add("copy", "", a => a[0]);
        ofLists = new TemplateRoutines("list method", errors);
        ofLists.Add("copy", "", a => a[0]);
        ofLists.Add("count", "value", a => (long)TemplateValue.Items(a[0], errors).Count(item => TemplateValue.AreEqual(item, a[1], errors)));
        ofLists.Add("index", "value", a => TemplateValue.Items(a[0], errors).FindIndex(item => TemplateValue.AreEqual(item, a[1], errors)) is >= 0 and var index
            ? (long)index
            : throw errors.Failed("looks for an item that a list lacks"));
    }

    /// <summary>Tuples of key and value.</summary>
    public static List<object?> Pairs(TemplateMapping mapping, TemplateErrors errors)
    {
        errors.ChargeItems(3L * mapping.Count);
        return [.. mapping.Pairs.Select(object? (pair) => new TemplateTuple([pair.Key, pair.Value]))];
    }

    /// <summary>A member, or undefined. One with a dot is looked for among the methods first, one in brackets among the items first.</summary>
    public object? Find(object? value, object? index, bool isDotted)
    {
        if (value is Undefined)
            throw errors.Failed($"takes '{(index is string or long ? index : "?")}' of {TemplateValue.Kind(value)}");
        if (isDotted && Method(value, index) is { } method)
            return method;
        if (TryItem(value, index, out object? item))
            return item;
        return (object?)Method(value, index) ?? new Undefined($"'{(index is string or long ? index : "?")}'");
    }

    /// <summary>Whether the value has a method of the name.</summary>
    public bool HasMethod(object? value, object? name) => Method(value, name) is not null;

    private bool TryItem(object? value, object? index, out object? item)
    {
        item = null;
        switch (value)
        {
            case TemplateMapping mapping:
                return mapping.TryFind(index, out item);
            case TemplateNamespace space when index is string name:
                return space.Members.TryGetValue(name, out item);
            case TemplateLoop loop when index is string name:
                item = loop.Member(name, errors);
                return true;
            case List<object?> items when At(items.Count) is { } at:
                item = items[at];
                return true;
            case string text:
                errors.Charge(text.Length);
                if (At(PythonText.Length(text)) is not { } position)
                    return false;
                item = PythonText.Pick(text, position, 1, 1);
                return true;
            default:
                return false;
        }

        int? At(int length)
        {
            long? at = TemplateValue.Integer(index);
            at = at < 0 ? at + length : at;
            return at >= 0 && at < length ? (int)at : null;
        }
    }

    private TemplateFunction? Method(object? value, object? index)
    {
        TemplateRoutines? methods = value switch { string => ofTexts, TemplateMapping => ofMappings, List<object?> => ofLists, _ => null };
        return index is string name && methods?.Find(name) is { } method ? arguments => method(value, arguments) : null;
    }
}
