using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using TailorKV.Testing;

namespace TailorKV.Planner.Tests;

/// <summary>Profiles, plans and machines with one thing wrong, at any place: what is wrong is named.</summary>
public sealed class JsonRejectionTests : IDisposable
{
    /// <summary>Values that a number of that name must not have, and what the error calls it.</summary>
    private static readonly Dictionary<string, (double[] Values, string Said)> OutOfRange = new(StringComparer.Ordinal)
    {
        ["version"] = ([-1, 0, 2], "version"),
        ["layers"] = ([-1, 0, 1025], "layers"),
        ["hiddenSize"] = ([-1, 0, (1 << 20) + 1], "hiddenSize"),
        ["intermediateSize"] = ([0, (1 << 24) + 1], "intermediateSize"),
        ["heads"] = ([0, (1 << 14) + 1], "heads"),
        ["kvHeads"] = ([0, (1 << 14) + 1], "kvHeads"),
        ["headDim"] = ([0, 513], "headDim"),
        ["vocabularySize"] = ([0, (1 << 26) + 1], "vocabularySize"),
        ["contextLength"] = ([-1, 0], "contextLength"),
        ["weightBytes"] = ([-1, 2e18], "weightBytes"),
        ["context"] = ([-1, 0], "context"),
        ["tail"] = ([-1, 0], "tail"),
        ["batch"] = ([0, 65537], "batch"),
        ["prefillChunk"] = ([0, 65537], "prefillChunk"),
        ["layer"] = ([-1, 99], "layer"),
        ["loss"] = ([-1, 1e7], "loss"),
        ["outputError"] = ([-1e-9], "outputError"),
        ["sinks"] = ([-1, (1 << 20) + 1], "sinks"),
        ["recent"] = ([-1, (1 << 20) + 1], "recent"),
        ["generated"] = ([-1, (1 << 20) + 1], "generated"),
        ["topK"] = ([0, (1 << 24) + 1], "topK"),
        ["bits"] = ([0, 5, 16], "bits"),
        ["group"] = ([0, 33], "group"),
        ["count"] = ([0, 513], "critical channels"),
        ["deviceBytes"] = ([-1], "deviceBytes"),
        ["hostBytes"] = ([-1], "hostBytes"),
        ["stepSeconds"] = ([-1, 2e6], "stepSeconds"),
        ["deviceBytesPerSecond"] = ([0, 1e19], "deviceBytesPerSecond"),
        ["linkBytesPerSecond"] = ([0, 1e19], "linkBytesPerSecond"),
        ["linkSeconds"] = ([-1, 2e6], "linkSeconds"),
        ["seconds"] = ([-1, 2e6], "seconds"),
        ["multiplyAddsPerSecond"] = ([0, 1e19], "multiplyAddsPerSecond"),
        ["cache"] = ([-1, 1], "memory says"),
        ["hostPrefill"] = ([-1, 1], "memory says"),
        ["hostWeights"] = ([-1, 1], "memory says"),
        ["hostLogits"] = ([-1, 1], "memory says"),
        ["laidOutBytes"] = ([-1, (1L << 60) + 1], "laidOutBytes"),
        ["attentionNanoseconds"] = ([-1, 1], "time says"),
    };

    private static readonly Gen<(string Text, Action<string> Read)> Files = Gen.OneOf(
        Arbitraries.ModelProfile().Generator.Select(profile => (Json.Write(profile), new Action<string>(path => Json.ReadProfile(path)))),
        Arbitraries.PlanningProblem().Generator.Select(problem => problem.Build()).Where(plan => plan is not null).Select(plan => (Json.Write(plan!), new Action<string>(path => Json.ReadPlan(path)))),
        Arbitraries.Machine().Generator.Select(machine => (Json.Write(machine), new Action<string>(path => Json.ReadMachine(path)))));

    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    [Fact]
    public void An_unknown_member_anywhere_is_named()
    {
        var cases = from file in Files
                    let root = JsonNode.Parse(file.Text)!
                    from place in Gen.Elements(Objects(root).ToArray())
                    select (Root: root, Place: place, file.Read);
        Property.Holds(cases, 300, one =>
        {
            one.Place["unheardOf"] = 1;
            AssertRejected(one.Root, one.Read, "unheardOf");
        });
    }

    [Fact]
    public void A_number_out_of_range_anywhere_is_named()
    {
        var tried = new HashSet<string>(StringComparer.Ordinal);
        // A member first and a place of it then, so that rare members are tried as often as common ones.
        var cases = from file in Files
                    let root = JsonNode.Parse(file.Text)!
                    let places = Objects(root).SelectMany(place => place.Where(member => IsNumber(member.Value) && OutOfRange.ContainsKey(member.Key)).Select(member => (Object: place, Name: member.Key)))
                        .GroupBy(place => place.Name, StringComparer.Ordinal).Select(members => members.ToArray()).ToArray()
                    from member in Gen.Elements(places)
                    from place in Gen.Elements(member)
                    from value in Gen.Elements(OutOfRange[place.Name].Values)
                    select (Root: root, Place: place, Value: value, file.Read);
        Property.Holds(cases, 3000, one =>
        {
            tried.Add(one.Place.Name);
            one.Place.Object[one.Place.Name] = double.IsInteger(one.Value) && Math.Abs(one.Value) < 9e18 ? (long)one.Value : one.Value;
            AssertRejected(one.Root, one.Read, OutOfRange[one.Place.Name].Said);
        });
        Assert.Equal(OutOfRange.Keys.Order(StringComparer.Ordinal), tried.Order(StringComparer.Ordinal));
    }

    private static bool IsNumber(JsonNode? node) => node is JsonValue value && value.GetValueKind() == System.Text.Json.JsonValueKind.Number;

    private static IEnumerable<JsonObject> Objects(JsonNode node) => node switch
    {
        JsonObject one => one.Where(member => member.Value is not null).SelectMany(member => Objects(member.Value!)).Prepend(one),
        JsonArray array => array.Where(item => item is not null).SelectMany(item => Objects(item!)),
        _ => [],
    };

    private void AssertRejected(JsonNode root, Action<string> read, string said)
    {
        File.WriteAllText(_path, root.ToJsonString());
        var error = Assert.Throws<InvalidFileException>(() => read(_path));
        Assert.StartsWith(_path, error.Message, StringComparison.Ordinal);
        Assert.Contains(said, error.Message, StringComparison.Ordinal);
    }
}
