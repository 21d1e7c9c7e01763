using System.Text;

namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>Renders a parsed template once.</summary>
internal sealed class TemplateRenderer
{
    private const int WorkOfStep = 32;
    private readonly List<Dictionary<string, object?>> scopes;
    private readonly StringBuilder output = new();
    private readonly TemplateErrors errors;
    private readonly TemplateLibrary library;

    public TemplateRenderer(Dictionary<string, object?> variables, string file)
    {
        scopes = [variables];
        errors = new TemplateErrors(file);
        library = new TemplateLibrary(errors);
    }

    public string Render(IReadOnlyList<Statement> statements)
    {
        Run(statements);
        return output.ToString();
    }

    private void Run(IReadOnlyList<Statement> statements)
    {
        errors.CheckStack();
        foreach (Statement statement in statements)
        {
            errors.Charge(WorkOfStep);
            switch (statement)
            {
                case Statement.Text text:
                    Write(text.Value);
                    break;
                case Statement.Print print:
                    Write(TemplateValue.Text(Evaluate(print.Value), errors));
                    break;
                case Statement.Set set:
                    Assign(set);
                    break;
                case Statement.If choice:
                    Run(choice.Branches.FirstOrDefault(branch => IsTrue(branch.Condition)).Then ?? choice.Else);
                    break;
                case Statement.For loop:
                    Loop(loop);
                    break;
            }
        }
    }

    private void Write(string text)
    {
        errors.ChargeText(output.Length + (long)text.Length);
        output.Append(text);
    }

    private void Assign(Statement.Set set)
    {
        object? value = Evaluate(set.Value);
        if (set.Member is null)
            scopes[^1][set.Name] = value;
        else if (Find(set.Name) is TemplateNamespace target)
            target.Members[set.Member] = value;
        else
            throw errors.Failed($"sets a member of '{set.Name}', which is not a namespace");
    }

    private void Loop(Statement.For loop)
    {
        var items = new List<object?>();
        foreach (object? item in TemplateValue.Items(Evaluate(loop.Items), errors))
        {
            scopes.Add([]);
            Bind(loop.Names, item);
            if (loop.Filter is null || IsTrue(loop.Filter))
                items.Add(item);
            scopes.RemoveAt(scopes.Count - 1);
        }
        if (items.Count == 0)
            Run(loop.Else);
        for (int i = 0; i < items.Count; i++)
        {
            scopes.Add(new Dictionary<string, object?>
            {
                ["loop"] = new Dictionary<string, object?>
                {
                    ["index0"] = (long)i,
                    ["index"] = (long)i + 1,
                    ["revindex0"] = (long)items.Count - i - 1,
                    ["revindex"] = (long)items.Count - i,
                    ["first"] = i == 0,
                    ["last"] = i == items.Count - 1,
                    ["length"] = (long)items.Count,
                    ["previtem"] = i > 0 ? items[i - 1] : Undefined.Value,
                    ["nextitem"] = i + 1 < items.Count ? items[i + 1] : Undefined.Value,
                },
            });
            Bind(loop.Names, items[i]);
            Run(loop.Body);
            scopes.RemoveAt(scopes.Count - 1);
        }
    }

    private void Bind(IReadOnlyList<string> names, object? item)
    {
        errors.Charge(WorkOfStep);
        if (names.Count == 1)
        {
            scopes[^1][names[0]] = item;
            return;
        }
        if (item is not List<object?> parts || parts.Count != names.Count)
            throw errors.Failed($"unpacks {TemplateValue.Kind(item)} into {names.Count} names");
        for (int i = 0; i < names.Count; i++)
            scopes[^1][names[i]] = parts[i];
    }

    private bool IsTrue(Expression expression) => TemplateValue.IsTrue(Evaluate(expression));

    private object? Evaluate(Expression expression)
    {
        errors.Charge(WorkOfStep);
        errors.CheckStack();
        switch (expression)
        {
            case Expression.Literal literal:
                return literal.Value;
            case Expression.Items items:
                return items.Values.Select(Evaluate).ToList();
            case Expression.Variable variable:
                return Find(variable.Name);
            case Expression.Member member:
                return Member(Evaluate(member.Value), Evaluate(member.Index));
            case Expression.Slice slice:
                return Slice(slice);
            case Expression.Unary { Operator: "not" } not:
                return !IsTrue(not.Value);
            case Expression.Unary unary:
                long number = library.Number(Evaluate(unary.Value), unary.Operator);
                return unary.Operator == "-" ? unchecked(-number) : number;
            case Expression.Binary binary:
                return Binary(binary);
            case Expression.Conditional choice:
                return IsTrue(choice.Condition) ? Evaluate(choice.Then) : choice.Else is null ? Undefined.Value : Evaluate(choice.Else);
            case Expression.Filter filter:
                return library.Filter(filter.Name, Evaluate(filter.Value), Positional(filter.Name, filter.Arguments));
            case Expression.Test test:
                return library.Test(test.Name, Evaluate(test.Value));
            case Expression.Method method:
                return library.Method(method.Name, Evaluate(method.Value), Positional(method.Name, method.Arguments));
            case Expression.Call call:
                return Call(call);
            default:
                throw new InvalidOperationException($"No rule for {expression.GetType().Name}.");
        }
    }

    private TemplateNamespace Call(Expression.Call call)
    {
        switch (call.Name)
        {
            case "raise_exception":
                throw errors.Refused(TemplateValue.Text(Positional(call.Name, call.Arguments) is [var reason] ? reason : "no reason given", errors));
            case "namespace" when call.Arguments.Positional.Count == 0:
                var created = new TemplateNamespace();
                foreach ((string name, Expression value) in call.Arguments.Named)
                    created.Members[name] = Evaluate(value);
                return created;
            default:
                throw errors.Unsupported($"the function '{call.Name}'");
        }
    }

    private List<object?> Positional(string name, Arguments arguments) => arguments.Named.Count == 0
        ? arguments.Positional.Select(Evaluate).ToList()
        : throw errors.Unsupported($"'{name}' with the argument '{arguments.Named[0].Name}'");

    private object? Find(string name)
    {
        for (int i = scopes.Count - 1; i >= 0; i--)
        {
            if (scopes[i].TryGetValue(name, out object? value))
                return value;
        }
        return Undefined.Value;
    }

    private object? Member(object? value, object? index)
    {
        switch (value, index)
        {
            case (Dictionary<string, object?> mapping, string name):
                return mapping.GetValueOrDefault(name, Undefined.Value);
            case (TemplateNamespace space, string name):
                return space.Members.GetValueOrDefault(name, Undefined.Value);
            case (List<object?> or string, long position):
                List<object?> items = TemplateValue.Items(value, errors);
                long from = position < 0 ? position + items.Count : position;
                return from >= 0 && from < items.Count ? items[(int)from] : Undefined.Value;
            case (Undefined, _):
                throw errors.Failed($"takes '{(index is Undefined ? "?" : TemplateValue.Text(index, errors))}' of an undefined value");
            default:
                return Undefined.Value;
        }
    }

    private object Slice(Expression.Slice slice)
    {
        object? value = Evaluate(slice.Value);
        List<object?> items = value is List<object?> or string ? TemplateValue.Items(value, errors) : throw errors.Failed($"slices {TemplateValue.Kind(value)}");
        long step = Bound(slice.Step) ?? 1;
        if (step == 0)
            throw errors.Failed("slices with a step of 0");
        long lowest = step > 0 ? 0 : -1;
        long highest = step > 0 ? items.Count : items.Count - 1;
        long start = Clamp(Bound(slice.Start) ?? (step > 0 ? long.MinValue : long.MaxValue));
        long stop = Bound(slice.Stop) is { } given ? Clamp(given) : step > 0 ? highest : lowest;
        var taken = new List<object?>();
        for (long i = start; step > 0 ? i < stop : i > stop; i += Math.Clamp(step, -items.Count - 1, items.Count + 1))
            taken.Add(items[(int)i]);
        return value is string ? string.Concat(taken) : taken;

        long Clamp(long index) => Math.Clamp(index < 0 && index > long.MinValue ? index + items.Count : index, lowest, highest);

        long? Bound(Expression? bound) => bound is null ? null : Evaluate(bound) is { } found ? library.Number(found, "a slice") : null;
    }

    private object? Binary(Expression.Binary binary)
    {
        object? left = Evaluate(binary.Left);
        switch (binary.Operator)
        {
            case "or":
                return TemplateValue.IsTrue(left) ? left : Evaluate(binary.Right);
            case "and":
                return TemplateValue.IsTrue(left) ? Evaluate(binary.Right) : left;
        }
        object? right = Evaluate(binary.Right);
        switch (binary.Operator)
        {
            case "==":
                return TemplateValue.AreEqual(left, right);
            case "!=":
                return !TemplateValue.AreEqual(left, right);
            case "in":
                return library.Contains(right, left);
            case "not in":
                return !library.Contains(right, left);
            case "~":
                return Concatenate(TemplateValue.Text(left, errors), TemplateValue.Text(right, errors));
            case "+" when left is string text && right is string other:
                return Concatenate(text, other);
            case "+" when left is List<object?> items && right is List<object?> more:
                errors.ChargeText((long)items.Count + more.Count);
                return new List<object?>([.. items, .. more]);
            case "<" or ">" or "<=" or ">=":
                return library.Compare(binary.Operator, left, right);
        }
        long a = library.Number(left, binary.Operator);
        long b = library.Number(right, binary.Operator);
        return binary.Operator switch
        {
            "+" => unchecked(a + b),
            "-" => unchecked(a - b),
            _ when b == 0 => throw errors.Failed("divides by 0"),
            _ when b == -1 => 0L,
            _ => ((a % b) + b) % b,
        };
    }

    private string Concatenate(string left, string right)
    {
        errors.ChargeText((long)left.Length + right.Length);
        return left + right;
    }
}
