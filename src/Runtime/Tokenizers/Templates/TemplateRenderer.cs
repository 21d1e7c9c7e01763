using System.Text;

namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>Renders a parsed template once.</summary>
internal sealed class TemplateRenderer
{
    private readonly TemplateScope variables;
    private readonly TemplateErrors errors;
    private readonly ExpressionEvaluator evaluator;
    private StringBuilder output = new();

    public TemplateRenderer(IReadOnlyDictionary<string, object?> given, TimeProvider clock, string file)
    {
        errors = new TemplateErrors(file);
        evaluator = new ExpressionEvaluator(errors);
        variables = new TemplateScope(TemplateFunctions.CreateScope(errors, clock));
        foreach ((string name, object? value) in given)
            variables[name] = value;
    }

    /// <summary>How a block was left.</summary>
    private enum Flow
    {
        End,
        Break,
        Continue,
    }

    public string Render(IReadOnlyList<Statement> statements) =>
        Run(statements, variables) == Flow.End ? output.ToString() : throw errors.Failed("leaves a loop where there is none");

    private Flow Run(IReadOnlyList<Statement> statements, TemplateScope scope)
    {
        errors.CheckStack();
        foreach (Statement statement in statements)
        {
            errors.ChargeItems(1);
            Flow flow = Run(statement, scope);
            if (flow != Flow.End)
                return flow;
        }
        return Flow.End;
    }

    private Flow Run(Statement statement, TemplateScope scope)
    {
        switch (statement)
        {
            case Statement.Text text:
                Write(text.Value);
                break;
            case Statement.Print print:
                Write(TemplateText.Of(evaluator.Evaluate(print.Value, scope), errors));
                break;
            case Statement.Set set:
                Assign(set.Target, evaluator.Evaluate(set.Value, scope), scope);
                break;
            case Statement.SetBlock block:
                string captured = Capture(block.Body, new TemplateScope(scope));
                Assign(block.Target, block.Filter is null ? captured : evaluator.Filter(block.Filter, captured, scope), scope);
                break;
            case Statement.FilterBlock block:
                Write(TemplateText.Of(evaluator.Filter(block.Filter, Capture(block.Body, new TemplateScope(scope)), scope), errors));
                break;
            case Statement.If choice:
                return Run(choice.Branches.FirstOrDefault(branch => evaluator.IsTrue(branch.Condition, scope)).Then ?? choice.Else, scope);
            case Statement.For loop:
                Loop(loop, evaluator.Evaluate(loop.Items, scope), scope, 0);
                break;
            case Statement.Leave leave:
                return leave.Continues ? Flow.Continue : Flow.Break;
            case Statement.With with:
                var inner = new TemplateScope(scope);
                foreach ((Target target, Expression value) in with.Values)
                    Assign(target, evaluator.Evaluate(value, scope), inner);
                return Run(with.Body, inner);
            case Statement.DefineMacro definition:
                scope[definition.Name] = Function(definition.Macro, scope);
                break;
            case Statement.CallBlock block:
                Arguments arguments = evaluator.Evaluate(block.Call.Arguments, scope);
                arguments = arguments with { Named = [.. arguments.Named, ("caller", Function(block.Caller, scope))] };
                Write(TemplateText.Of(evaluator.Call(block.Call, arguments, scope), errors));
                break;
        }
        return Flow.End;
    }

    private void Write(string text)
    {
        errors.ChargeAppend(output, text.Length);
        output.Append(text);
    }

    private string Capture(IReadOnlyList<Statement> body, TemplateScope scope)
    {
        StringBuilder around = output;
        output = new StringBuilder();
        if (Run(body, scope) != Flow.End)
            throw errors.Failed("leaves a loop from within a block that makes a text");
        string text = output.ToString();
        errors.Charge(text.Length);
        output = around;
        return text;
    }

    private void Assign(Target target, object? value, TemplateScope scope)
    {
        errors.ChargeItems(1);
        switch (target)
        {
            case Target.Variable variable:
                scope[variable.Name] = value;
                break;
            case Target.Member member:
                TemplateNamespace space = scope.Find(member.Space) as TemplateNamespace ?? throw errors.Failed($"sets a member of '{member.Space}', which is not a namespace");
                space.Members[member.Name] = value;
                break;
            case Target.Several several:
                List<object?> parts = TemplateValue.Items(value, errors);
                if (parts.Count != several.Parts.Count)
                    throw errors.Failed($"unpacks {parts.Count} items into {several.Parts.Count} names");
                for (int i = 0; i < parts.Count; i++)
                    Assign(several.Parts[i], parts[i], scope);
                break;
        }
    }

    private void Loop(Statement.For loop, object? over, TemplateScope scope, int depth)
    {
        List<object?> items = TemplateValue.Items(over, errors);
        if (loop.Filter is not null)
        {
            items = items.FindAll(item =>
            {
                var tried = new TemplateScope(scope);
                Assign(loop.Target, item, tried);
                return evaluator.IsTrue(loop.Filter, tried);
            });
        }
        bool anyEnded = false;
        var state = new TemplateLoop(items, depth, loop.IsRecursive ? Recurse : null);
        for (; state.Index < items.Count; state.Index++)
        {
            var inner = new TemplateScope(scope) { ["loop"] = state };
            Assign(loop.Target, items[state.Index], inner);
            Flow flow = Run(loop.Body, inner);
            if (flow == Flow.Break)
                break;
            anyEnded |= flow == Flow.End;
        }
        // As in Jinja, where every round was left by a break or continue too.
        if (!anyEnded)
            Run(loop.Else, new TemplateScope(scope));

        object Recurse(Arguments arguments)
        {
            if (arguments.Positional is not [var given])
                throw errors.Failed("calls a loop with other than one list");
            StringBuilder around = output;
            output = new StringBuilder();
            Loop(loop, given, scope, depth + 1);
            string text = output.ToString();
            errors.Charge(text.Length);
            output = around;
            return text;
        }
    }

    private TemplateFunction Function(Macro macro, TemplateScope scope) => arguments =>
    {
        errors.CheckStack();
        var inner = new TemplateScope(scope);
        int taken = Math.Min(arguments.Positional.Count, macro.Parameters.Count);
        var rest = new TemplateMapping();
        foreach ((string name, object? value) in arguments.Named)
            rest.Set(name, value);
        for (int i = 0; i < macro.Parameters.Count; i++)
        {
            (string name, Expression? standard) = macro.Parameters[i];
            bool isNamed = rest.TryFind(name, out object? named);
            if (isNamed && i < taken)
                throw errors.Failed($"gives the macro '{macro.Name}' two values for '{name}'");
            inner[name] = i < taken ? arguments.Positional[i]
                : isNamed ? named
                : standard is not null ? evaluator.Evaluate(standard, inner)
                : new Undefined($"the parameter '{name}'");
            rest.Remove(name);
        }
        inner["caller"] = rest.TryFind("caller", out object? caller) ? caller : new Undefined("'caller'");
        rest.Remove("caller");
        inner["varargs"] = new TemplateTuple(arguments.Positional.Skip(taken));
        inner["kwargs"] = rest;
        return Capture(macro.Body, inner);
    };
}
