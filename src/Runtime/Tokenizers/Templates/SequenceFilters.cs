namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>The filters of lists and mappings.</summary>
internal sealed class SequenceFilters
{
    private readonly TemplateRoutines filters;
    private readonly TemplateRoutines tests;
    private readonly TemplateMembers members;
    private readonly TemplateErrors errors;

    private SequenceFilters(TemplateRoutines filters, TemplateRoutines tests, TemplateMembers members)
    {
        this.filters = filters;
        this.tests = tests;
        this.members = members;
        errors = filters.Errors;
    }

    public static void AddTo(TemplateRoutines filters, TemplateRoutines tests, TemplateMembers members)
    {
        var sequences = new SequenceFilters(filters, tests, members);
        sequences.AddParts();
        sequences.AddChoices();
        sequences.AddOrders();
    }

    private void AddParts()
    {
        filters.Add("first", "", a => a[0] is TemplateGenerator generator ? generator.TakeFirst() : Items(a[0]) is [var first, ..] ? first : Undefined.Value);
        filters.Add("last", "", a => Items(a[0]) is [.., var last] ? last : Undefined.Value);
        filters.Add("list", "", a => new List<object?>(Items(a[0])));
        filters.Add("items", "", a => new TemplateGenerator(a[0] switch
        {
            TemplateMapping mapping => TemplateMembers.Pairs(mapping, errors),
            Undefined => [],
            _ => throw errors.Failed($"takes the items of {TemplateValue.Kind(a[0])}"),
        }));
        filters.Add("join", "d attribute", a =>
        {
            Func<object?, object?> take = Attribute(a[2], Undefined.Value);
            return TextMethods.Join(a[1] is Undefined ? "" : filters.Text(a[1]), [.. Items(a[0]).Select(item => filters.Text(take(item)))], errors);
        });
        filters.Add("reverse", "", a =>
        {
            if (a[0] is not string text)
                return new TemplateGenerator([.. Items(a[0]).AsEnumerable().Reverse()]);
            errors.Charge(4L * text.Length);
            return PythonText.Pick(text, PythonText.Length(text) - 1, -1, PythonText.Length(text));
        });
        filters.Add("attr", "name", a => a[0] is TemplateMapping && !members.HasMethod(a[0], a[1]) ? Undefined.Value : members.Find(a[0], a[1], isDotted: true));
        filters.Add("batch", "linecount fill_with", a =>
        {
            int size = (int)Math.Clamp(filters.Whole(a[1], 0, "batch"), 1, int.MaxValue);
            List<object?> batches = [.. Items(a[0]).Chunk(size).Select(object? (chunk) => chunk.ToList())];
            if (a[2] is not (null or Undefined) && batches is [.., List<object?> last] && last.Count < size)
                last.AddRange(Filler(a[2], size - last.Count));
            return new TemplateGenerator(batches);
        });
        filters.Add("slice", "slices fill_with", a =>
        {
            List<object?> items = Items(a[0]);
            long count = Math.Max(1, filters.Whole(a[1], 1, "slice"));
            errors.ChargeItems(count);
            int next = 0;
            var slices = new List<object?>();
            for (long i = 0; i < count; i++)
            {
                bool isLong = i < items.Count % count;
                int size = (int)(items.Count / count) + (isLong ? 1 : 0);
                List<object?> slice = items.GetRange(next, size);
                next += size;
                if (a[2] is not (null or Undefined) && !isLong && items.Count % count != 0)
                    slice.Add(a[2]);
                slices.Add(slice);
            }
            return new TemplateGenerator(slices);
        });
    }

    private IEnumerable<object?> Filler(object? value, int count)
    {
        errors.ChargeItems(count);
        return Enumerable.Repeat(value, count);
    }

    private void AddChoices()
    {
        filters.Add("map", (value, arguments) =>
        {
            if (arguments.Positional is [var name, ..])
                return Generate(value, item => filters.Call(filters.String(name, "map"), item, arguments with { Positional = [.. arguments.Positional.Skip(1)] }));
            object?[] named = arguments.Bind(["attribute", "default"]) is [not Undefined, _] bound ? bound : throw errors.Unsupported("map without a filter or an attribute");
            return Generate(value, Attribute(named[0], named[1]));
        });
        foreach ((string name, bool chosen) in (ReadOnlySpan<(string, bool)>)[("select", true), ("reject", false)])
        {
            filters.Add(name, (value, arguments) => Choose(value, item => item, arguments, chosen));
            filters.Add(name + "attr", (value, arguments) => arguments.Positional is [var attribute, ..]
                ? Choose(value, Attribute(attribute, Undefined.Value), arguments with { Positional = [.. arguments.Positional.Skip(1)] }, chosen)
                : throw errors.Failed($"uses {name}attr without an attribute"));
        }
        filters.Add("unique", "case_sensitive attribute", a =>
        {
            Func<object?, object?> key = Key(a[2], a[1]);
            var seen = new TemplateMapping();
            return new TemplateGenerator(Items(a[0]).FindAll(item => key(item) is var found && TemplateMapping.IsKey(found)
                ? seen.TryAdd(found ?? seen, null)
                : throw errors.Unsupported($"unique of {TemplateValue.Kind(found)}")));
        });
    }

    private void AddOrders()
    {
        filters.Add("sort", "reverse case_sensitive attribute", a => Sort(Items(a[0]), SeveralKeys(a[3], a[2]), TemplateValue.IsTrue(a[1])));
        filters.Add("dictsort", "case_sensitive by reverse", a =>
        {
            TemplateMapping mapping = a[0] as TemplateMapping ?? throw errors.Failed($"sorts {TemplateValue.Kind(a[0])} as a mapping");
            Func<object?, object?> fold = Key(Undefined.Value, a[1]);
            int part = (a[2] is Undefined ? "key" : a[2]) switch { "key" => 0, "value" => 1, _ => throw errors.Failed("sorts a mapping by neither key nor value") };
            return Sort(TemplateMembers.Pairs(mapping, errors), pair => fold(((TemplateTuple)pair!)[part]), TemplateValue.IsTrue(a[3]));
        });
        filters.Add("min", "case_sensitive attribute", a => Extreme(a, 1));
        filters.Add("max", "case_sensitive attribute", a => Extreme(a, -1));
        filters.Add("sum", "attribute start", a =>
        {
            Func<object?, object?> take = Attribute(a[1], Undefined.Value);
            return Items(a[0]).Aggregate(a[2] is Undefined ? 0L : a[2], (sum, item) => TemplateArithmetic.Apply("+", sum, take(item), errors));
        });
    }

    private object? Extreme(object?[] a, int sign)
    {
        Func<object?, object?> key = Key(a[2], a[1]);
        object? best = Undefined.Value;
        foreach (object? item in Items(a[0]))
            best = best is Undefined || sign * TemplateValue.Compare(key(item), key(best), errors) < 0 ? item : best;
        return best;
    }

    private List<object?> Sort(List<object?> items, Func<object?, object?> key, bool descending)
    {
        int sign = descending ? -1 : 1;
        return TemplateValue.Sort(items.ConvertAll(item => (Key: key(item), Item: item)), (left, right) => sign * TemplateValue.Compare(left.Key, right.Key, errors), errors)
            .ConvertAll(pair => pair.Item);
    }

    private TemplateGenerator Generate(object? value, Func<object?, object?> make) => new(Items(value).ConvertAll(item => make(item)));

    private TemplateGenerator Choose(object? value, Func<object?, object?> take, Arguments arguments, bool chosen)
    {
        Func<object?, bool> holds = TemplateValue.IsTrue;
        if (arguments.Positional is [var name, ..])
        {
            Arguments rest = arguments with { Positional = [.. arguments.Positional.Skip(1)] };
            holds = item => TemplateValue.IsTrue(tests.Call(filters.String(name, "a choice"), item, rest));
        }
        return new TemplateGenerator(Items(value).FindAll(item => holds(take(item)) == chosen));
    }

    /// <summary>What takes a member such as <c>a.b.0</c> of an item; the item itself where none is named.</summary>
    private Func<object?, object?> Attribute(object? attribute, object? absent)
    {
        if (attribute is null or Undefined)
            return item => item;
        object?[] path = attribute is string text
            ? [.. text.Split('.').Select(object? (part) => long.TryParse(part, out long index) ? index : part)]
            : [attribute];
        return item =>
        {
            object? found = path.Aggregate(item, (value, part) => members.Find(value, part, isDotted: false));
            return found is Undefined && absent is not (null or Undefined) ? absent : found;
        };
    }

    private Func<object?, object?> Key(object? attribute, object? caseSensitive)
    {
        Func<object?, object?> take = Attribute(attribute, Undefined.Value);
        return TemplateValue.IsTrue(caseSensitive) ? take : item => take(item) is var found && found is string text ? PythonCase.Lower(filters.Text(text)) : found;
    }

    private Func<object?, object?> SeveralKeys(object? attributes, object? caseSensitive)
    {
        if (attributes is not string text || !text.Contains(','))
            return Key(attributes, caseSensitive);
        Func<object?, object?>[] keys = [.. text.Split(',').Select(attribute => Key(attribute, caseSensitive))];
        return item => new List<object?>(keys.Select(key => key(item)));
    }

    private List<object?> Items(object? value) => TemplateValue.Items(value, errors);
}
