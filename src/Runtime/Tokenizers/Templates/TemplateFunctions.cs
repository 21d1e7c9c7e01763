namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>The functions that every template can call.</summary>
internal static class TemplateFunctions
{
    private const int LongestRange = 100_000;

    /// <summary>A scope with the functions.</summary>
    public static TemplateScope CreateScope(TemplateErrors errors, TimeProvider clock)
    {
        var scope = new TemplateScope(null);
        Add("range", arguments => Range(arguments, errors));
        Add("dict", arguments => Mapping(arguments, errors));
        Add("namespace", arguments =>
        {
            var created = new TemplateNamespace();
            foreach ((object? name, object? value) in Mapping(arguments, errors).Pairs)
                created.Members[TemplateText.Of(name, errors)] = value;
            return created;
        });
        Add("joiner", arguments =>
        {
            object? next = "";
            return new TemplateFunction(_ =>
            {
                object? now = next;
                next = arguments.Positional is [var separator, ..] ? separator : ", ";
                return now;
            });
        });
        Add("raise_exception", arguments => throw errors.Refused(arguments.Positional is [var reason, ..] ? TemplateText.Of(reason, errors) : "no reason given"));
        Add("strftime_now", arguments => arguments.Positional is [string format]
            ? PythonTime.Format(clock.GetLocalNow().DateTime, format, errors)
            : throw errors.Failed("asks for the time without a format"));
        return scope;

        void Add(string name, TemplateFunction function) => scope[name] = function;
    }

    /// <summary>The mapping that a mapping and named arguments make.</summary>
    public static TemplateMapping Mapping(Arguments arguments, TemplateErrors errors)
    {
        var mapping = new TemplateMapping();
        if (arguments.Positional is [TemplateMapping given])
        {
            errors.ChargeItems(given.Count);
            foreach ((object? key, object? value) in given.Pairs)
                mapping.Set(key, value);
        }
        else if (arguments.Positional is [var pairs])
        {
            foreach (object? pair in TemplateValue.Items(pairs, errors))
            {
                if (pair is not List<object?> { Count: 2 } two || !TemplateMapping.IsKey(two[0]))
                    throw errors.Failed("makes a mapping of something else than pairs");
                mapping.Set(two[0], two[1]);
            }
        }
        else if (arguments.Positional.Count > 1)
        {
            throw errors.Failed("makes a mapping of several values");
        }
        foreach ((string name, object? value) in arguments.Named)
            mapping.Set(name, value);
        return mapping;
    }

    private static List<object?> Range(Arguments arguments, TemplateErrors errors)
    {
        long[] bounds = [.. arguments.Positional.Select(value => TemplateValue.Integer(value) ?? throw errors.Failed($"makes a range of {TemplateValue.Kind(value)}"))];
        (long start, long stop, long step) = bounds switch
        {
            [var end] => (0L, end, 1L),
            [var begin, var end] => (begin, end, 1L),
            [var begin, var end, var by] when by != 0 => (begin, end, by),
            _ => throw errors.Failed("makes a range of no, or too many, numbers, or with a step of 0"),
        };
        Int128 span = step > 0 ? (Int128)stop - start : (Int128)start - stop;
        Int128 size = Int128.Abs(step);
        Int128 count = span <= 0 ? 0 : (span + size - 1) / size;
        if (count > LongestRange)
            throw errors.Failed($"makes a range of more than {LongestRange} numbers");
        errors.ChargeItems((long)count);
        return [.. Enumerable.Range(0, (int)count).Select(object? (index) => start + (index * step))];
    }
}
