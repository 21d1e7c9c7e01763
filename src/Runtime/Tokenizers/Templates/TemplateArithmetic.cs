namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>The operators between two values.</summary>
internal static class TemplateArithmetic
{
    /// <summary>+ - * / // % ** and ~.</summary>
    /// <exception cref="Planner.InvalidFileException">The values are not of kinds that it joins, or the result is too large.</exception>
    public static object Apply(string name, object? left, object? right, TemplateErrors errors)
    {
        switch (name, left, right)
        {
            case ("~", _, _):
                return Concatenate(TemplateText.Of(left, errors), TemplateText.Of(right, errors), errors);
            case ("+", string text, string other):
                return Concatenate(text, other, errors);
            case ("+", List<object?> items, List<object?> others) when (items is TemplateTuple) == (others is TemplateTuple):
                errors.ChargeItems((long)items.Count + others.Count);
                return items is TemplateTuple ? new TemplateTuple([.. items, .. others]) : new List<object?>([.. items, .. others]);
            case ("*", string text, _) when TemplateValue.Integer(right) is { } times:
                return TextMethods.Repeat(text, times, errors);
            case ("*", _, string text) when TemplateValue.Integer(left) is { } times:
                return TextMethods.Repeat(text, times, errors);
            case ("*", List<object?> items, _) when TemplateValue.Integer(right) is { } times:
                return Repeat(items, times, errors);
            case ("*", _, List<object?> items) when TemplateValue.Integer(left) is { } times:
                return Repeat(items, times, errors);
            case ("%", string format, _):
                return PythonFormat.Percent(format, right, errors);
        }
        if (TemplateValue.Number(left) is not { } number || TemplateValue.Number(right) is not { } otherNumber)
            throw errors.Failed($"joins {TemplateValue.Kind(left)} and {TemplateValue.Kind(right)} with '{name}'");
        if (otherNumber == 0 && name is "/" or "//" or "%")
            throw errors.Failed("divides by 0");
        try
        {
            return TemplateValue.Integer(left) is { } a && TemplateValue.Integer(right) is { } b && OfIntegers(name, a, b) is { } integer ? (object)integer : OfNumbers(name, number, otherNumber);
        }
        catch (OverflowException)
        {
            throw errors.Failed("computes a number that is too large");
        }
    }

    /// <summary>Whether a value is among the items, a part of the text or a key.</summary>
    /// <exception cref="Planner.InvalidFileException">The container is none.</exception>
    public static bool Contains(object? container, object? value, TemplateErrors errors)
    {
        switch (container)
        {
            case string text when value is string part:
                errors.ChargeSearch(text, part);
                return text.Contains(part, StringComparison.Ordinal);
            case TemplateMapping mapping:
                return mapping.TryFind(value, out _);
            case List<object?> or TemplateGenerator or Undefined:
                return TemplateValue.Items(container, errors).Exists(item => TemplateValue.AreEqual(item, value, errors));
            default:
                throw errors.Failed($"looks for {TemplateValue.Kind(value)} in {TemplateValue.Kind(container)}");
        }
    }

    private static long? OfIntegers(string name, long a, long b)
    {
        checked
        {
            switch (name)
            {
                case "+":
                    return a + b;
                case "-":
                    return a - b;
                case "*":
                    return a * b;
                case "//":
                    return (a / b) - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
                case "%":
                    return b == -1 ? 0 : ((a % b) + b) % b;
                case "**" when b >= 0:
                    return PythonNumber.Power(a, b) ?? throw new OverflowException();
                default:
                    return null;
            }
        }
    }

    private static double OfNumbers(string name, double a, double b) => name switch
    {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" => a / b,
        "//" => PythonNumber.DivideDown(a, b).Quotient,
        "%" => PythonNumber.DivideDown(a, b).Remainder,
        _ => Math.Pow(a, b) is var power && double.IsFinite(power) ? power : throw new OverflowException(),
    };

    private static string Concatenate(string left, string right, TemplateErrors errors)
    {
        errors.ChargeText((long)left.Length + right.Length);
        return left + right;
    }

    private static List<object?> Repeat(List<object?> items, long times, TemplateErrors errors)
    {
        times = items.Count == 0 ? 0 : Math.Clamp(times, 0, int.MaxValue);
        errors.ChargeItems(times * items.Count);
        IEnumerable<object?> repeated = Enumerable.Repeat(items, (int)times).SelectMany(part => part);
        return items is TemplateTuple ? new TemplateTuple(repeated) : [.. repeated];
    }
}
