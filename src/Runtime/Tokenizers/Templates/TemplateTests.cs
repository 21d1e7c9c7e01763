namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>The tests after <c>is</c>.</summary>
internal static class TemplateTests
{
    public static TemplateRoutines Create(TemplateErrors errors)
    {
        var tests = new TemplateRoutines("test", errors);
        AddKinds(tests);
        tests.Add("eq == equalto", "other", a => TemplateValue.AreEqual(a[0], a[1], errors));
        tests.Add("ne !=", "other", a => !TemplateValue.AreEqual(a[0], a[1], errors));
        tests.Add("lt < lessthan", "other", a => TemplateValue.Compare(a[0], a[1], errors) < 0);
        tests.Add("le <=", "other", a => TemplateValue.Compare(a[0], a[1], errors) <= 0);
        tests.Add("gt > greaterthan", "other", a => TemplateValue.Compare(a[0], a[1], errors) > 0);
        tests.Add("ge >=", "other", a => TemplateValue.Compare(a[0], a[1], errors) >= 0);
        tests.Add("in", "seq", a => TemplateArithmetic.Contains(a[1], a[0], errors));
        tests.Add("sameas", "other", a => a[0] is string or long or double or bool ? a[0]!.GetType() == a[1]?.GetType() && Equals(a[0], a[1]) : ReferenceEquals(a[0], a[1]));
        tests.Add("even", "", a => Rest(a[0], 2L) is 0L or 0.0);
        tests.Add("odd", "", a => Rest(a[0], 2L) is 1L or 1.0);
        tests.Add("divisibleby", "num", a => Rest(a[0], a[1]) is 0L or 0.0);
        tests.Add("lower", "", a => PythonCase.IsAll(tests.Text(a[0]), upper: false));
        tests.Add("upper", "", a => PythonCase.IsAll(tests.Text(a[0]), upper: true));
        return tests;

        object? Rest(object? value, object? divisor) => TemplateArithmetic.Apply("%", value, divisor, errors);
    }

    private static void AddKinds(TemplateRoutines tests)
    {
        tests.Add("defined", "", a => a[0] is not Undefined);
        tests.Add("undefined", "", a => a[0] is Undefined);
        tests.Add("none", "", a => a[0] is null);
        tests.Add("string", "", a => a[0] is string);
        tests.Add("boolean", "", a => a[0] is bool);
        tests.Add("integer", "", a => a[0] is long);
        tests.Add("float", "", a => a[0] is double);
        tests.Add("number", "", a => a[0] is long or double or bool);
        tests.Add("true", "", a => a[0] is true);
        tests.Add("false", "", a => a[0] is false);
        tests.Add("mapping", "", a => a[0] is TemplateMapping);
        tests.Add("sequence", "", a => a[0] is string or List<object?> or TemplateMapping or Undefined);
        tests.Add("iterable", "", a => a[0] is string or List<object?> or TemplateMapping or TemplateGenerator or Undefined);
        tests.Add("callable", "", a => a[0] is TemplateFunction or Undefined);
        tests.Add("escaped", "", _ => false);
    }
}
