using System.Runtime.ExceptionServices;

namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>
/// The values of templates, with Python's meaning: string, long, double, bool, null, <see cref="Undefined"/>, List of values,
/// <see cref="TemplateTuple"/>, <see cref="TemplateMapping"/>, <see cref="TemplateGenerator"/>, <see cref="TemplateFunction"/>,
/// <see cref="TemplateNamespace"/> and <see cref="TemplateLoop"/>.
/// </summary>
internal static class TemplateValue
{
    public static bool IsTrue(object? value) => value switch
    {
        null or Undefined => false,
        bool flag => flag,
        long number => number != 0,
        double number => number != 0,
        string text => text.Length > 0,
        List<object?> items => items.Count > 0,
        TemplateMapping mapping => mapping.Count > 0,
        _ => true,
    };

    /// <summary>The number that a bool or integer is, or null.</summary>
    public static long? Integer(object? value) => value switch
    {
        long number => number,
        bool flag => flag ? 1 : 0,
        _ => null,
    };

    /// <summary>The number that a value is, or null.</summary>
    public static double? Number(object? value) => value is double number ? number : Integer(value);

    public static bool AreEqual(object? left, object? right, TemplateErrors errors)
    {
        errors.CheckStack();
        switch (left, right)
        {
            case (string text, string other):
                errors.Charge(Math.Min(text.Length, other.Length));
                return text == other;
            case (List<object?> items, List<object?> others):
                errors.ChargeItems(Math.Min(items.Count, others.Count));
                return ReferenceEquals(items, others)
                    || (items.Count == others.Count && (items is TemplateTuple) == (others is TemplateTuple)
                        && items.Zip(others).All(pair => AreEqual(pair.First, pair.Second, errors)));
            case (TemplateMapping mapping, TemplateMapping other):
                errors.ChargeItems(Math.Min(mapping.Count, other.Count));
                return ReferenceEquals(mapping, other)
                    || (mapping.Count == other.Count
                        && mapping.Pairs.All(pair => other.TryFind(pair.Key, out object? value) && AreEqual(pair.Value, value, errors)));
            case (Undefined, Undefined):
                return true;
        }
        return Integer(left) is { } integer && Integer(right) is { } otherInteger ? integer == otherInteger
            : Number(left) is { } number ? Number(right) == number
            : Equals(left, right);
    }

    /// <summary>The order of two numbers, texts or lists.</summary>
    /// <exception cref="Planner.InvalidFileException">They are of kinds that have none.</exception>
    public static int Compare(object? left, object? right, TemplateErrors errors)
    {
        errors.CheckStack();
        switch (left, right)
        {
            case (string text, string other):
                errors.Charge(Math.Min(text.Length, other.Length));
                return PythonText.Compare(text, other);
            case (List<object?> items, List<object?> others) when (items is TemplateTuple) == (others is TemplateTuple):
                errors.ChargeItems(Math.Min(items.Count, others.Count));
                foreach ((object? item, object? other) in items.Zip(others))
                {
                    if (!AreEqual(item, other, errors))
                        return Compare(item, other, errors);
                }
                return items.Count.CompareTo(others.Count);
        }
        return Integer(left) is { } integer && Integer(right) is { } otherInteger ? integer.CompareTo(otherInteger)
            : Number(left) is { } number && Number(right) is { } otherNumber ? number.CompareTo(otherNumber)
            : throw errors.Failed($"compares {Kind(left)} with {Kind(right)}");
    }

    /// <summary>The items in order, equal ones as they were.</summary>
    /// <exception cref="Planner.InvalidFileException">The comparison fails.</exception>
    public static List<T> Sort<T>(List<T> items, Comparison<T> compare, TemplateErrors errors)
    {
        errors.ChargeItems(2L * items.Count);
        try
        {
            return [.. items.Order(Comparer<T>.Create(compare))];
        }
        catch (InvalidOperationException error) when (error.InnerException is Planner.TailorKVException cause)
        {
            ExceptionDispatchInfo.Throw(cause);
            throw;
        }
    }

    public static string Kind(object? value) => value switch
    {
        null => "none",
        Undefined undefined => undefined == Undefined.Value ? undefined.What : $"{undefined.What}, which is undefined",
        bool => "a boolean",
        long or double => "a number",
        string => "a string",
        List<object?> => "a list",
        TemplateMapping => "a mapping",
        TemplateFunction => "a function",
        TemplateGenerator => "a generator",
        _ => "a namespace or loop",
    };

    /// <summary>The items that a loop runs over: also code points of a string and keys of a mapping.</summary>
    /// <exception cref="Planner.InvalidFileException">It has none.</exception>
    public static List<object?> Items(object? value, TemplateErrors errors)
    {
        if (value is TemplateGenerator generator)
            value = generator.Take();
        errors.ChargeItems(value switch { List<object?> list => list.Count, string text => text.Length, TemplateMapping mapping => mapping.Count, _ => 0 });
        return value switch
        {
            List<object?> list => list,
            Undefined => [],
            string text => [.. text.EnumerateRunes().Select(object? (rune) => rune.ToString())],
            TemplateMapping mapping => [.. mapping.KeyValues],
            _ => throw errors.Failed($"treats {Kind(value)} as a list"),
        };
    }
}
