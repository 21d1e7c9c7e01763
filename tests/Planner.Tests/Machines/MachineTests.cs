using TailorKV.Planner.Machines;
using TailorKV.Planner.Policies;

namespace TailorKV.Planner.Tests.Machines;

public sealed class MachineTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    public static TheoryData<string> Names => [.. Machine.Shipped];

    public void Dispose() => File.Delete(_path);

    [Fact]
    public void The_common_cards_are_shipped() =>
        Assert.Equal(["a100-40", "a100-80", "h100", "h200", "l4", "l40s", "rtx-3090", "rtx-4090", "t4"], Machine.Shipped);

    /// <summary>Wider brackets than any card of these generations leaves: a slip of a digit or a unit falls outside.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Shipped_machines_are_valid_and_of_a_plausible_size(string name)
    {
        Machine machine = Machine.Load(name.ToUpperInvariant());
        Assert.Null(machine.Problem());
        Assert.InRange(machine.DeviceBytes, 15L << 30, 141L << 30);
        Assert.InRange(machine.DeviceBytesPerSecond, 300e9, 4800e9);
        Assert.InRange(machine.LinkBytesPerSecond, 12.5e9, 50e9);
        Assert.InRange(machine.Kernels.Weights.MultiplyAddsPerSecond, 30e12, 500e12);
        Assert.InRange(machine.Kernels.Of(RefinedPolicy.Registration).MultiplyAddsPerSecond, 2e12, 24e12);
        Assert.Contains("Assumed:", machine.Source, StringComparison.Ordinal);
        Assert.Equal(machine, Reread(machine));
        Assert.Equal(machine.ToJson(), Reread(machine).ToJson());
    }

    [Fact]
    public void An_unknown_name_is_answered_with_the_known_ones()
    {
        var error = Assert.Throws<TailorKVException>(() => Machine.Load("rtx-9999"));
        Assert.Contains("'rtx-9999'", error.Message, StringComparison.Ordinal);
        Assert.All(Machine.Shipped, name => Assert.Contains(name, error.Message, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("\"version\": 1", "\"version\": 2", "version 2 is not 1")]
    [InlineData("\"version\": 1", "\"version\": 1, \"color\": 1", "color")]
    [InlineData("\"name\": \"NVIDIA T4\"", "\"name\": \"\"", "name is empty")]
    [InlineData("\"name\": \"NVIDIA T4\",", "", "name")]
    [InlineData("\"name\": \"NVIDIA T4\"", "\"name\": null", "name")]
    [InlineData("\"deviceBytes\": ", "\"deviceBytes\": -", "deviceBytes is -16106127360, not positive")]
    [InlineData("\"deviceBytes\": ", "\"hostBytes\": 0, \"deviceBytes\": ", "hostBytes is 0, not positive")]
    [InlineData("\"deviceBytesPerSecond\": 320000000000", "\"deviceBytesPerSecond\": 0", "deviceBytesPerSecond is 0, outside 1 to 1e18")]
    [InlineData("\"linkBytesPerSecond\": 12500000000", "\"linkBytesPerSecond\": 1e999", "linkBytesPerSecond")]
    [InlineData("\"linkSeconds\": 1E-05", "\"linkSeconds\": -1", "linkSeconds is -1, outside 0")]
    [InlineData("\"seconds\": 1.5E-05", "\"seconds\": -1", "kernels.quantized.seconds is -1, outside 0")]
    [InlineData("\"multiplyAddsPerSecond\": 32500000000000", "\"multiplyAddsPerSecond\": 0.5", "kernels.weights.multiplyAddsPerSecond is 0.5, outside 1")]
    [InlineData("\"full\"", "\"fool\"", "fool")]
    public void Errors_name_the_file_and_the_value(string old, string hostile, string named)
    {
        string text = Machine.Load("t4").ToJson();
        int place = text.IndexOf(old, StringComparison.Ordinal);
        Assert.True(place >= 0);
        File.WriteAllText(_path, text[..place] + hostile + text[(place + old.Length)..]);
        var error = Assert.Throws<InvalidFileException>(() => Machine.Load(_path));
        Assert.StartsWith(_path, error.Message, StringComparison.Ordinal);
        Assert.Contains(named, error.Message, StringComparison.OrdinalIgnoreCase);
    }

    private Machine Reread(Machine machine)
    {
        File.WriteAllText(_path, machine.ToJson());
        return Machine.Load(_path);
    }
}
