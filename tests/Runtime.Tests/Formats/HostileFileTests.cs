using FsCheck;
using FsCheck.Xunit;
using TailorKV.Planner;
using TailorKV.Runtime.Models;
using TailorKV.Runtime.Tests.Models;

namespace TailorKV.Runtime.Tests.Formats;

/// <summary>Whatever a file holds, opening the model either works or throws a <see cref="TailorKVException"/>, and allocates little.</summary>
public sealed class HostileFileTests : IDisposable
{
    // The tiny model takes some 200 KB to open.
    private const long AllowedBytes = 4_000_000;

    private static readonly byte[][] HostileNumbers =
    [
        .. new ulong[] { 0, 1, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1UL << 40, long.MaxValue, 1UL << 63, ulong.MaxValue }
            .Select(BitConverter.GetBytes),
    ];

    private static readonly string[] HostileJson =
    [
        "-1", "0", "1e999", "1.5", "4096", "268435456", "9223372036854775807", "99999999999999999999", "null", "true", "\"\"", "\"../x\"", "\"\\ud800\"",
        "[]", "{}", "[[[[[[]]]]]]",
    ];

    private readonly TemporaryFolder _folder = new();
    private readonly string[] _forms;

    public HostileFileTests()
    {
        TinyModel model = new("qwen2", tied: true);
        string single = Directory.CreateDirectory(_folder.File("single")).FullName;
        string sharded = Directory.CreateDirectory(_folder.File("sharded")).FullName;
        model.WriteFolder(single);
        model.WriteShards(sharded);
        _forms = [single, sharded, _folder.Write("model.gguf", model.Gguf().ToBytes())];
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_undamaged_files_open() => Assert.All(_forms, form => Assert.Null(TryOpen(form)));

    [Fact]
    public void Truncated_files_are_refused()
    {
        foreach (string form in _forms)
        {
            foreach (string file in FilesOf(form))
            {
                byte[] content = File.ReadAllBytes(file);
                for (int length = 0; length < content.Length; length += length < 3000 ? 23 : 4999)
                    Assert.NotNull(TryOpenWith(form, file, content[..length]));
                Assert.NotNull(TryOpenWith(form, file, content[..^1]));
            }
        }
    }

    [Property(MaxTest = 500)]
    public void Damaged_files_never_do_worse_than_a_named_error(Pick formOf, Pick fileOf, bool asText, Pick replacement, Damage first, Damage second, Damage third, Pick more)
    {
        string form = formOf.Of(_forms);
        string file = fileOf.Of(FilesOf(form));
        byte[] content = File.ReadAllBytes(file);
        bool text = Path.GetExtension(file) == ".json" || (Path.GetExtension(file) == ".safetensors" && asText);
        TryOpenWith(form, file, text ? DamageText(content, first.Place, replacement) : DamageBytes(content, new[] { first, second, third }[..(1 + more.Of(3))]));
    }

    /// <summary>A bit turned over or a number put in its place, in the header or far behind it.</summary>
    public sealed record Damage(Pick Place, Pick Far, bool FlipsBit, bool IsShort, Pick Value);

    private static byte[] DamageBytes(byte[] content, Damage[] damages)
    {
        byte[] damaged = [.. content];
        foreach (Damage damage in damages)
        {
            int place = damage.Place.Of(damage.Far.Of(10) == 9 ? damaged.Length : Math.Min(damaged.Length, 3000));
            if (damage.FlipsBit)
                damaged[place] ^= (byte)(1 << damage.Value.Of(8));
            else
            {
                ReadOnlySpan<byte> number = damage.Value.Of(HostileNumbers).AsSpan(0, damage.IsShort ? 4 : 8);
                number[..Math.Min(number.Length, damaged.Length - place)].CopyTo(damaged.AsSpan(place));
            }
        }
        return damaged;
    }

    /// <summary>Puts something hostile in the place of one JSON value; the length in front of a safetensors header is corrected.</summary>
    private static byte[] DamageText(byte[] content, Pick place, Pick replacement)
    {
        int start = content[0] == '{' ? 0 : 8;
        int end = start == 0 ? content.Length : (int)BitConverter.ToInt64(content) + 8;
        string text = System.Text.Encoding.UTF8.GetString(content[start..end]);
        int[] places = [.. Enumerable.Range(0, text.Length - 1).Where(i => text[i] is ':' or '[' or ',')];
        int from = place.Of(places) + 1;
        int to = Math.Max(from, text.IndexOfAny([',', '}', ']'], from));
        byte[] damaged = System.Text.Encoding.UTF8.GetBytes(text[..from] + replacement.Of(HostileJson) + text[to..]);
        return start == 0 ? damaged : [.. BitConverter.GetBytes((long)damaged.Length), .. damaged, .. content[end..]];
    }

    private static string[] FilesOf(string form) => File.Exists(form) ? [form] : [.. Directory.GetFiles(form).Order(StringComparer.Ordinal)];

    private static TailorKVException? TryOpenWith(string form, string file, byte[] damaged)
    {
        byte[] content = File.ReadAllBytes(file);
        File.WriteAllBytes(file, damaged);
        TailorKVException? error = TryOpen(form);
        File.WriteAllBytes(file, content);
        return error;
    }

    private static TailorKVException? TryOpen(string form)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            using ModelFiles model = ModelFiles.Open(form);
            model.Weights.Embedding.DecodeRow(model.Config.VocabularySize - 1, new float[model.Config.HiddenSize]);
            return null;
        }
        catch (TailorKVException error)
        {
            Assert.Contains(form, error.Message, StringComparison.Ordinal);
            return error;
        }
        finally
        {
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, AllowedBytes);
        }
    }
}
