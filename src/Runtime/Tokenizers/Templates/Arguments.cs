namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>The values that a filter, test, function or method is called with.</summary>
internal sealed record Arguments(IReadOnlyList<object?> Positional, IReadOnlyList<(string Name, object? Value)> Named)
{
    /// <summary>No arguments.</summary>
    public static Arguments None { get; } = new([], []);

    /// <summary>The values in the order of the parameters, <see cref="Undefined"/> for those not given, or null where there are others.</summary>
    public object?[]? Bind(IReadOnlyList<string> parameters)
    {
        if (Positional.Count > parameters.Count)
            return null;
        object?[] values = [.. Positional, .. Enumerable.Repeat(Undefined.Value, parameters.Count - Positional.Count)];
        foreach ((string name, object? value) in Named)
        {
            int index = IndexOf(parameters, name);
            if (index < Positional.Count)
                return null;
            values[index] = value;
        }
        return values;
    }

    private static int IndexOf(IReadOnlyList<string> names, string name)
    {
        int index = 0;
        while (index < names.Count && names[index] != name)
            index++;
        return index < names.Count ? index : -1;
    }
}
