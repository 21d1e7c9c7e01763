namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>Computes expressions.</summary>
internal sealed class ExpressionEvaluator
{
    private readonly TemplateErrors errors;
    private readonly TemplateRoutines filters;
    private readonly TemplateRoutines tests;
    private readonly TemplateMembers members;

    public ExpressionEvaluator(TemplateErrors errors)
    {
        this.errors = errors;
        TemplateRoutines methods = TextMethods.Create(errors);
        members = new TemplateMembers(methods);
        tests = TemplateTests.Create(errors);
        filters = new TemplateRoutines("filter", errors);
        TextFilters.AddTo(filters, methods);
        SequenceFilters.AddTo(filters, tests, members);
        tests.Add("filter", "", a => a[0] is string name && filters.Find(name) is not null);
        tests.Add("test", "", a => a[0] is string name && tests.Find(name) is not null);
    }

    public bool IsTrue(Expression expression, TemplateScope scope) => TemplateValue.IsTrue(Evaluate(expression, scope));

    public object? Evaluate(Expression expression, TemplateScope scope)
    {
        errors.ChargeItems(1);
        errors.CheckStack();
        return expression switch
        {
            Expression.Literal literal => literal.Value,
            Expression.Items { IsTuple: true } tuple => new TemplateTuple(tuple.Values.Select(value => Evaluate(value, scope))),
            Expression.Items items => items.Values.Select(value => Evaluate(value, scope)).ToList(),
            Expression.Mapping mapping => Map(mapping, scope),
            Expression.Variable variable => scope.Find(variable.Name),
            Expression.Member member => members.Find(Evaluate(member.Value, scope), Evaluate(member.Index, scope), member.IsDotted),
            Expression.Slice slice => Slice(slice, scope),
            Expression.Unary { Operator: "not" } not => !IsTrue(not.Value, scope),
            Expression.Unary unary => TemplateArithmetic.Apply(unary.Operator, 0L, Evaluate(unary.Value, scope), errors),
            Expression.Binary binary => Join(binary, scope),
            Expression.Comparison comparison => Compare(comparison, scope),
            Expression.Conditional choice => IsTrue(choice.Condition, scope) ? Evaluate(choice.Then, scope)
                : choice.Else is null ? Undefined.Value : Evaluate(choice.Else, scope),
            Expression.Filter filter => filters.Call(filter.Name, Evaluate(filter.Value!, scope), Evaluate(filter.Arguments, scope)),
            Expression.Test test => tests.Call(test.Name, Evaluate(test.Value, scope), Evaluate(test.Arguments, scope)),
            Expression.Call call => Call(call, Evaluate(call.Arguments, scope), scope),
            _ => throw new InvalidOperationException($"No rule for {expression.GetType().Name}."),
        };
    }

    /// <summary>Passes the text of a block through a chain of filters.</summary>
    public object? Filter(Expression.Filter filter, string text, TemplateScope scope)
    {
        errors.CheckStack();
        return filters.Call(filter.Name, filter.Value is Expression.Filter inner ? Filter(inner, text, scope) : text, Evaluate(filter.Arguments, scope));
    }

    /// <summary>The values of a call.</summary>
    public Arguments Evaluate(IReadOnlyList<Argument> arguments, TemplateScope scope)
    {
        if (arguments.Count == 0)
            return Arguments.None;
        var positional = new List<object?>();
        var named = new List<(string Name, object? Value)>();
        foreach (Argument argument in arguments)
        {
            object? value = Evaluate(argument.Value, scope);
            if (argument.Name == "*")
                positional.AddRange(TemplateValue.Items(value, errors));
            else if (argument.Name == "**" && value is TemplateMapping mapping)
                named.AddRange(mapping.Pairs.Select(pair => (TemplateText.Of(pair.Key, errors), pair.Value)));
            else if (argument.Name == "**")
                throw errors.Failed($"passes {TemplateValue.Kind(value)} as named arguments");
            else if (argument.Name is { } name)
                named.Add((name, value));
            else
                positional.Add(value);
        }
        return new Arguments(positional, named);
    }

    /// <summary>Calls the function of a call.</summary>
    public object? Call(Expression.Call call, Arguments arguments, TemplateScope scope) => Evaluate(call.Function, scope) switch
    {
        TemplateFunction function => function(arguments),
        TemplateLoop { Recurse: { } recurse } => recurse(arguments),
        Undefined undefined when call.Function is Expression.Variable => throw errors.Unsupported($"the function {undefined.What}"),
        var other => throw errors.Failed($"calls {TemplateValue.Kind(other)}"),
    };

    private TemplateMapping Map(Expression.Mapping mapping, TemplateScope scope)
    {
        var made = new TemplateMapping();
        foreach ((Expression keyExpression, Expression value) in mapping.Pairs)
        {
            object? key = Evaluate(keyExpression, scope);
            if (!TemplateMapping.IsKey(key))
                throw errors.Unsupported($"{TemplateValue.Kind(key)} as a key");
            made.Set(key, Evaluate(value, scope));
        }
        return made;
    }

    private object Slice(Expression.Slice slice, TemplateScope scope)
    {
        object? value = Evaluate(slice.Value, scope);
        long step = Bound(slice.Step) ?? 1;
        if (step == 0)
            throw errors.Failed("slices with a step of 0");
        switch (value)
        {
            case string text:
                // Other than in order, the code points are laid out first.
                errors.Charge((step == 1 ? 1L : 4L) * text.Length);
                (int start, int by, int count) = PythonSlice.Resolve(PythonText.Length(text), Bound(slice.Start), Bound(slice.Stop), step);
                return PythonText.Pick(text, start, by, count);
            case List<object?> items:
                (start, by, count) = PythonSlice.Resolve(items.Count, Bound(slice.Start), Bound(slice.Stop), step);
                errors.ChargeItems(count);
                IEnumerable<object?> taken = Enumerable.Range(0, count).Select(index => items[start + (index * by)]);
                return items is TemplateTuple ? new TemplateTuple(taken) : taken.ToList();
            default:
                throw errors.Failed($"slices {TemplateValue.Kind(value)}");
        }

        long? Bound(Expression? bound) => bound is null ? null : Evaluate(bound, scope) is { } found
            ? TemplateValue.Integer(found) ?? throw errors.Failed($"slices by {TemplateValue.Kind(found)}")
            : null;
    }

    private object? Join(Expression.Binary binary, TemplateScope scope)
    {
        object? left = Evaluate(binary.Left, scope);
        return binary.Operator switch
        {
            "or" => TemplateValue.IsTrue(left) ? left : Evaluate(binary.Right, scope),
            "and" => TemplateValue.IsTrue(left) ? Evaluate(binary.Right, scope) : left,
            _ => TemplateArithmetic.Apply(binary.Operator, left, Evaluate(binary.Right, scope), errors),
        };
    }

    private bool Compare(Expression.Comparison comparison, TemplateScope scope)
    {
        object? left = Evaluate(comparison.First, scope);
        foreach ((string name, Expression expression) in comparison.Rest)
        {
            object? right = Evaluate(expression, scope);
            bool holds = name switch
            {
                "==" => TemplateValue.AreEqual(left, right, errors),
                "!=" => !TemplateValue.AreEqual(left, right, errors),
                "in" => TemplateArithmetic.Contains(right, left, errors),
                "not in" => !TemplateArithmetic.Contains(right, left, errors),
                "<" => TemplateValue.Compare(left, right, errors) < 0,
                ">" => TemplateValue.Compare(left, right, errors) > 0,
                "<=" => TemplateValue.Compare(left, right, errors) <= 0,
                _ => TemplateValue.Compare(left, right, errors) >= 0,
            };
            if (!holds)
                return false;
            left = right;
        }
        return true;
    }
}
