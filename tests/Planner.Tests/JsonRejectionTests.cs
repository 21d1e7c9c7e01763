using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Xunit;

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

    private readonly string _path = Path.GetTempFileName();

    private readonly Tally _tally = new();

    public void Dispose()
    {
        File.Delete(_path);
        _tally.Dispose();
    }

    [Property(MaxTest = 300)]
    public void An_unknown_member_anywhere_is_named(PlannerFile file, DoNotSize<uint> place)
    {
        JsonNode root = JsonNode.Parse(file.Text)!;
        JsonObject holder = Pick(Objects(root), place);
        holder["unheardOf"] = 1;
        AssertRejected(file, holder["unheardOf"]!, "unheardOf");
    }

    /// <summary>A member is picked first and a place of it then, so that rare members are tried as often as common ones.</summary>
    [Property(MaxTest = 6000)]
    public void A_number_out_of_range_anywhere_is_named(PlannerFile file, DoNotSize<uint> member, DoNotSize<uint> place, DoNotSize<uint> value)
    {
        JsonNode root = JsonNode.Parse(file.Text)!;
        var places = Objects(root).SelectMany(one => one.Where(held => IsNumber(held.Value) && OutOfRange.ContainsKey(held.Key)).Select(held => (Object: one, Name: held.Key)));
        (JsonObject holder, string name) = Pick(Pick(places.GroupBy(one => one.Name, StringComparer.Ordinal), member), place);
        // What a plan says of bytes and time is wrong only where it is not so.
        double present = holder[name]!.GetValue<double>(), hostile = Pick(OutOfRange[name].Values.Where(wrong => wrong != present), value);
        holder[name] = double.IsInteger(hostile) && Math.Abs(hostile) < 9e18 ? (long)hostile : hostile;
        AssertRejected(file, holder[name]!, OutOfRange[name].Said);
        foreach (string tried in OutOfRange.Keys)
            _tally.Count(tried, tried == name, least: 1);
    }

    private static T Pick<T>(IEnumerable<T> all, DoNotSize<uint> pick)
    {
        T[] list = [.. all];
        return list[pick.Item % list.Length];
    }

    private static bool IsNumber(JsonNode? node) => node is JsonValue value && value.GetValueKind() == System.Text.Json.JsonValueKind.Number;

    private static IEnumerable<JsonObject> Objects(JsonNode node) => node switch
    {
        JsonObject one => one.Where(member => member.Value is not null).SelectMany(member => Objects(member.Value!)).Prepend(one),
        JsonArray array => array.Where(item => item is not null).SelectMany(item => Objects(item!)),
        _ => [],
    };

    private void AssertRejected(PlannerFile file, JsonNode wrong, string said)
    {
        File.WriteAllText(_path, wrong.Root.ToJsonString());
        Exception? error = Record.Exception(() => file.Read(_path));
        Assert.True(
            error is InvalidFileException && error.Message.StartsWith(_path, StringComparison.Ordinal) && error.Message.Contains(said, StringComparison.Ordinal),
            $"{wrong.GetPath()} = {wrong.ToJsonString()} was answered with {error?.ToString() ?? "nothing"}");
    }
}
