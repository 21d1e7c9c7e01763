using System.Text.Json.Nodes;
using TailorKV.Planner.Machines;
using TailorKV.Planner.Profiles;
using TailorKV.Tests;

namespace TailorKV.Planner.Tests;

/// <summary>Members that a hand-written file leaves out are missed by their names: none becomes 0 in silence.</summary>
public sealed class LeftOutTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    [Theory]
    [InlineData("sinks")]
    [InlineData("recent")]
    [InlineData("generated")]
    [InlineData("precision")]
    [InlineData("group")]
    public void A_member_of_a_policy_is_missed(string member)
    {
        JsonNode profile = JsonNode.Parse(File.ReadAllText(Path.Combine(SharedData.Root, "plans", "tiny-recall", "profile.json")))!;
        JsonObject[] holders = [.. Objects(profile["layers"]!).Where(one => one.ContainsKey(member) && one.ContainsKey("kind") && one["kind"]!.GetValue<string>() != "full")];
        Assert.NotEmpty(holders);
        foreach (IGrouping<string, JsonObject> kind in holders.GroupBy(one => one["kind"]!.GetValue<string>()))
        {
            JsonObject holder = kind.First();
            JsonNode? value = holder[member];
            holder.Remove(member);
            File.WriteAllText(_path, profile.ToJsonString());
            Assert.Contains($"'{member}'", Assert.Throws<InvalidFileException>(() => ModelProfile.Load(_path)).Message, StringComparison.Ordinal);
            holder[member] = value;
        }

        File.WriteAllText(_path, profile.ToJsonString());
        ModelProfile.Load(_path);
    }

    [Fact]
    public void A_member_of_a_machine_is_missed()
    {
        JsonObject machine = JsonNode.Parse(Machine.Load("rtx-3090").ToJson())!.AsObject();
        machine.Remove("overlapsTransfers");
        File.WriteAllText(_path, machine.ToJsonString());
        Assert.Contains("'overlapsTransfers'", Assert.Throws<InvalidFileException>(() => Machine.Load(_path)).Message, StringComparison.Ordinal);
    }

    private static IEnumerable<JsonObject> Objects(JsonNode? node) => node switch
    {
        JsonObject one => one.SelectMany(member => Objects(member.Value)).Prepend(one),
        JsonArray array => array.SelectMany(Objects),
        _ => [],
    };
}
