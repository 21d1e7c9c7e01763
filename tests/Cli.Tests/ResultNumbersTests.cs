using System.Collections;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;
using TailorKV.Cli.Results;

namespace TailorKV.Cli.Tests;

/// <summary>Numbers that JSON cannot hold are null in every --json document.</summary>
public class ResultNumbersTests
{
    /// <summary>Each type that a command writes, with every number in it one of these, however deep.</summary>
    [Theory]
    [InlineData(double.NaN, JsonValueKind.Null)]
    [InlineData(double.PositiveInfinity, JsonValueKind.Null)]
    [InlineData(double.NegativeInfinity, JsonValueKind.Null)]
    [InlineData(0.5, JsonValueKind.Number)]
    public void Every_result_is_written(double number, JsonValueKind kind)
    {
        Type[] results = [.. typeof(ResultJsonContext).CustomAttributes.Where(attribute => attribute.AttributeType == typeof(JsonSerializableAttribute)).Select(attribute => (Type)attribute.ConstructorArguments[0].Value!)];
        Assert.InRange(results.Length, 10, int.MaxValue);
        int written = 0;
        foreach (Type type in results)
        {
            string text = JsonSerializer.Serialize(Make(type, number), type, ResultJsonContext.Default);
            using JsonDocument document = JsonDocument.Parse(text);
            written += Count(document.RootElement, kind);
            Assert.DoesNotContain("NaN", text, StringComparison.Ordinal);
            Assert.DoesNotContain("Infinity", text, StringComparison.Ordinal);
        }

        Assert.InRange(written, 40, int.MaxValue);
    }

    private static int Count(JsonElement element, JsonValueKind kind) => element.ValueKind switch
    {
        JsonValueKind.Object => element.EnumerateObject().Sum(member => Count(member.Value, kind)),
        JsonValueKind.Array => element.EnumerateArray().Sum(item => Count(item, kind)),
        _ => element.ValueKind == kind ? 1 : 0,
    };

    /// <summary>Something of a type, by its longest constructor.</summary>
    private static object Make(Type type, double number)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type == typeof(double))
            return number;
        if (type == typeof(string))
            return "text";
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>))
        {
            var list = (IList)Activator.CreateInstance(typeof(List<>).MakeGenericType(type.GenericTypeArguments))!;
            list.Add(Make(type.GenericTypeArguments[0], number));
            return list;
        }

        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyDictionary<,>))
        {
            var dictionary = (IDictionary)Activator.CreateInstance(typeof(Dictionary<,>).MakeGenericType(type.GenericTypeArguments))!;
            dictionary.Add(Make(type.GenericTypeArguments[0], number), Make(type.GenericTypeArguments[1], number));
            return dictionary;
        }

        if (type.IsValueType && type.IsPrimitive || type.IsEnum)
            return Activator.CreateInstance(type)!;
        object[] Arguments(ConstructorInfo constructor) => [.. constructor.GetParameters().Select(parameter => Make(parameter.ParameterType, number))];
        ConstructorInfo longest = type.GetConstructors(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance)
            .Where(constructor => constructor.GetParameters() is not [{ ParameterType: var only }] || only != type).MaxBy(constructor => constructor.GetParameters().Length)!;
        object made = longest.Invoke(Arguments(longest));
        foreach (PropertyInfo property in type.GetProperties().Where(property => property.SetMethod is not null && property.GetValue(made) is null))
            property.SetValue(made, Make(property.PropertyType, number));
        return made;
    }
}
