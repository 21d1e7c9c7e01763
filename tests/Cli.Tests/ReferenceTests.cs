using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using TailorKV.Tests;

namespace TailorKV.Cli.Tests;

/// <summary>'doctor --reference': what cannot be compared is named, and a comparison of nothing is none.</summary>
public sealed class ReferenceTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tailorkv").FullName;

    [Theory]
    [InlineData("ref-empty-positions", "logits (it is empty)")]
    [InlineData("ref-kv-short", "layer0.key (it is empty)")]
    [InlineData("ref-misspelt", "logit (not known")]
    [InlineData("ref-only-ids", "only input_ids")]
    [InlineData("ref-positions-out-of-range", "logits_positions holds ")]
    public void A_reference_that_cannot_be_compared_fails_by_name(string file, string named)
    {
        string reference = SharedData.Require($"cases/20-doctor-passes-without-comparing/{file}.safetensors");
        string model = SharedData.Require("fixtures/architectures/llama-untied");
        Assert.Contains(named, ToolFixture.Run("doctor", model, "--reference", reference).Failure(1), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("logits_positions", new long[] { 0, 3 }, "logits_positions holds 3")]
    [InlineData("logits_positions", new long[] { -1, 0 }, "logits_positions holds -1")]
    [InlineData("top1", new long[] { 0, 1024, 0 }, "top1 holds 1024")]
    [InlineData("top1", new long[] { 0, 0 }, "top1 has the shape [2]")]
    [InlineData("layer0.key", new long[] { 1 }, "layer0.key has the shape [1]")]
    [InlineData("layer6.key", new long[] { 1 }, "layer6.key (not known of a model of 6 layers)")]
    [InlineData("layer0.keys", new long[] { 1 }, "layer0.keys (not known")]
    [InlineData("top1", new long[0], "top1 (it is empty)")]
    [InlineData("input_ids", new long[] { 1024 }, "input_ids holds 1024")]
    public void So_is_every_other_of_its_kind(string name, long[] numbers, string named)
    {
        var tensors = new Dictionary<string, (string, long[], byte[])> { ["input_ids"] = Integers([1, 2, 3]) };
        tensors[name] = Integers(numbers);
        if (name == "logits_positions")
            tensors["logits"] = ("F32", [numbers.Length, 1024], new byte[numbers.Length * 1024 * sizeof(float)]);
        Assert.Contains(named, ToolFixture.Run("doctor", ToolFixture.Model, "--reference", Write(tensors)).Failure(1), StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_passed_over_is_named_beside_what_was_compared()
    {
        string reference = Write(new()
        {
            ["input_ids"] = Integers([1, 2, 3]),
            ["top1"] = Integers([0, 0, 0]),
            ["logits_positions"] = Integers([1]),
            ["attention_mask"] = Integers([1, 1, 1]),
            ["next_logprob"] = Integers([]),
        });
        string[] doctor = ["doctor", ToolFixture.Model, "--reference", reference, "--tolerance", "3"];
        JsonElement result = ToolFixture.Run([.. doctor, "--json"]).Json();
        Assert.Equal("top1", Assert.Single(result.GetProperty("tensors").EnumerateArray()).GetProperty("name").GetString());
        Assert.Equal(
            ["attention_mask", "logits_positions", "next_logprob"], result.GetProperty("skipped").EnumerateArray().Select(skipped => skipped.GetProperty("name").GetString()));
        Assert.Contains("Not compared: next_logprob: it is empty", ToolFixture.Run(doctor).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void More_elements_than_can_be_held_at_once_are_named()
    {
        const int Tokens = 30_000;
        string path = Write(new() { ["input_ids"] = Integers(new long[Tokens]) }, ($"\"layer0.attention\":{{\"dtype\":\"BF16\",\"shape\":[4,{Tokens},{Tokens}]", 8L * Tokens * Tokens));
        Assert.Contains("comparing layer0.attention takes 3600000000 elements", ToolFixture.Run("doctor", ToolFixture.Model, "--reference", path).Failure(1), StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static (string Type, long[] Shape, byte[] Data) Integers(long[] numbers) => ("I64", [numbers.Length], MemoryMarshal.AsBytes<long>(numbers).ToArray());

    /// <summary>Writes a reference; the last tensor may be a hole in the file.</summary>
    private string Write(Dictionary<string, (string Type, long[] Shape, byte[] Data)> tensors, (string Entry, long Bytes)? hole = null)
    {
        long end = 0;
        List<string> entries = [.. tensors.Select(tensor =>
            $"\"{tensor.Key}\":{{\"dtype\":\"{tensor.Value.Type}\",\"shape\":[{string.Join(',', tensor.Value.Shape)}],\"data_offsets\":[{end},{end += tensor.Value.Data.Length}]}}")];
        if (hole is { } given)
            entries.Add($"{given.Entry},\"data_offsets\":[{end},{end + given.Bytes}]}}");
        byte[] header = Encoding.ASCII.GetBytes($"{{{string.Join(',', entries)}}}"), length = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
        string path = Path.Combine(_folder, "reference.safetensors");
        using FileStream file = File.Create(path);
        file.Write([.. length, .. header, .. tensors.Values.SelectMany(tensor => tensor.Data)]);
        file.SetLength(file.Length + (hole?.Bytes ?? 0));
        return path;
    }
}
