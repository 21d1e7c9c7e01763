using System.Diagnostics.CodeAnalysis;

namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>A dictionary in the order of its making. Keys are strings, numbers, booleans and null (<see cref="NoKey"/>), equal where Python has them so.</summary>
internal sealed class TemplateMapping() : OrderedDictionary<object, object?>(KeyComparer.Instance)
{
    private static readonly object NoKey = new();

    /// <summary>Whether a value can be a key.</summary>
    public static bool IsKey(object? value) => value is null or string or long or bool or double;

    /// <summary>The keys, as values.</summary>
    public IEnumerable<object?> KeyValues => Keys.Select(key => key == NoKey ? null : key);

    /// <summary>Keys, as values, with what belongs to them.</summary>
    public IEnumerable<(object? Key, object? Value)> Pairs => this.Select(pair => (pair.Key == NoKey ? null : pair.Key, pair.Value));

    /// <summary>Sets a value; the key must satisfy <see cref="IsKey"/>.</summary>
    public void Set(object? key, object? value) => this[key ?? NoKey] = value;

    /// <summary>Looks a value up by any key.</summary>
    public bool TryFind(object? key, out object? value)
    {
        value = null;
        return IsKey(key) && TryGetValue(key ?? NoKey, out value);
    }

    private sealed class KeyComparer : IEqualityComparer<object>
    {
        public static KeyComparer Instance { get; } = new();

        public new bool Equals(object? x, object? y) => object.Equals(Plain(x), Plain(y));

        public int GetHashCode([DisallowNull] object obj) => Plain(obj)!.GetHashCode();

        private static object? Plain(object? key) => key switch
        {
            bool flag => flag ? 1L : 0L,
            double number when number == Math.Floor(number) && Math.Abs(number) < 1L << 53 => (long)number,
            _ => key,
        };
    }
}
