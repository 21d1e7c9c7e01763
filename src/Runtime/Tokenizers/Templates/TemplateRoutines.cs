namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>The filters, tests or methods of one kind of value, by name.</summary>
/// <param name="kind">What they are, for error messages.</param>
/// <param name="errors">Counts the work.</param>
internal sealed class TemplateRoutines(string kind, TemplateErrors errors)
{
    private readonly Dictionary<string, TemplateRoutine> routines = [];

    public TemplateErrors Errors => errors;

    /// <summary>Adds one under several names. It is run with the value and then its parameters, <see cref="Undefined"/> where not given.</summary>
    public void Add(string names, string parameters, Func<object?[], object?> run)
    {
        string[] declared = parameters.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Add(names, (value, arguments) => run([
            value,
            .. arguments.Bind(declared) ?? throw errors.Unsupported(
                $"the {kind} '{names}' with {arguments.Positional.Count} arguments{string.Concat(arguments.Named.Select(named => $" and '{named.Name}'"))}")]));
    }

    /// <summary>Adds one of any arguments.</summary>
    public void Add(string names, TemplateRoutine routine)
    {
        foreach (string name in names.Split(' '))
            routines.Add(name, routine);
    }

    /// <summary>The routine of a name, or null.</summary>
    public TemplateRoutine? Find(string name) => routines.GetValueOrDefault(name);

    /// <summary>Runs the routine of a name.</summary>
    /// <exception cref="Planner.UnsupportedModelException">There is none.</exception>
    public object? Call(string name, object? value, Arguments arguments) =>
        (Find(name) ?? throw errors.Unsupported($"the {kind} '{name}'"))(value, arguments);

    /// <summary>An argument as text, its characters counted.</summary>
    public string Text(object? value)
    {
        string text = TemplateText.Of(value, errors);
        errors.Charge(text.Length);
        return text;
    }

    /// <summary>An argument that must be a string.</summary>
    public string String(object? value, string use) => value as string ?? throw errors.Failed($"gives {use} {TemplateValue.Kind(value)} instead of a string");

    /// <summary>An argument that must be a whole number, where it is given.</summary>
    public long Whole(object? value, long absent, string use) => value is Undefined ? absent
        : TemplateValue.Integer(value) ?? throw errors.Failed($"gives {use} {TemplateValue.Kind(value)} instead of a whole number");
}
