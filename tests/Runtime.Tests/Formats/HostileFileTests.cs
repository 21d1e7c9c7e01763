using FsCheck;
using FsCheck.Fluent;
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
        .. new ulong[] { 0, 1, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1UL << 40, long.MaxValue, 1UL << 63, ulong.MaxValue }.Select(BitConverter.GetBytes),
    ];

    private static readonly string[] HostileJson =
        ["-1", "0", "1e999", "1.5", "9223372036854775807", "99999999999999999999", "null", "true", "\"\"", "\"../x\"", "\"\\ud800\"", "[]", "{}", "[[[[[[]]]]]]", "4096", "268435456"];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_undamaged_files_open()
    {
        foreach ((Dictionary<string, byte[]> files, string open) in Forms(1))
            Assert.Null(TryOpen(files, open));
    }

    [Fact]
    public void Truncated_files_are_refused()
    {
        foreach ((Dictionary<string, byte[]> files, string open) in Forms(2))
        {
            foreach ((string name, byte[] content) in files)
            {
                // Every length in the header, then every hundredth.
                for (int length = 0; length < content.Length; length += length < 2500 ? 7 : 977)
                    Assert.NotNull(TryOpen(new(files) { [name] = content[..length] }, open));
                Assert.NotNull(TryOpen(new(files) { [name] = content[..^1] }, open));
            }
        }
    }

    [Fact]
    public void Damaged_files_never_do_worse_than_a_named_error() =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(1500), Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), seed =>
        {
            Random random = new(seed);
            (Dictionary<string, byte[]> files, string open) = Forms(3)[random.Next(3)];
            string name = files.Keys.Order(StringComparer.Ordinal).ElementAt(random.Next(files.Count));
            files[name] = name.EndsWith(".json", StringComparison.Ordinal) || random.Next(3) == 0 ? DamageText(files[name], random) : DamageBytes(files[name], random);
            TryOpen(files, open);
        }));

    private static byte[] DamageBytes(byte[] content, Random random)
    {
        byte[] damaged = [.. content];
        for (int i = random.Next(1, 4); i > 0; i--)
        {
            // Mostly the header.
            int place = random.Next(random.Next(10) == 0 ? damaged.Length : Math.Min(damaged.Length, 3000));
            if (random.Next(2) == 0)
                damaged[place] ^= (byte)(1 << random.Next(8));
            else
                HostileNumbers[random.Next(HostileNumbers.Length)].AsSpan(0, Math.Min(random.Next(2) == 0 ? 4 : 8, damaged.Length - place)).CopyTo(damaged.AsSpan(place));
        }
        return damaged;
    }

    /// <summary>Puts something hostile in the place of one JSON value; the length in front of a safetensors header is corrected.</summary>
    private static byte[] DamageText(byte[] content, Random random)
    {
        int start = content[0] == '{' ? 0 : 8;
        int end = start == 0 ? content.Length : (int)Math.Min(content.Length - 8, BitConverter.ToInt64(content)) + 8;
        string text = System.Text.Encoding.UTF8.GetString(content[start..end]);
        int[] places = [.. Enumerable.Range(0, text.Length - 1).Where(i => text[i] is ':' or '[' or ',')];
        if (places.Length == 0)
            return DamageBytes(content, random);
        int from = places[random.Next(places.Length)] + 1;
        int to = Math.Max(from, text.IndexOfAny([',', '}', ']'], from));
        byte[] damaged = System.Text.Encoding.UTF8.GetBytes(text[..from] + HostileJson[random.Next(HostileJson.Length)] + text[to..]);
        return start == 0 ? damaged : [.. BitConverter.GetBytes((long)damaged.Length), .. damaged, .. content[end..]];
    }

    private static (Dictionary<string, byte[]> Files, string Open)[] Forms(int seed)
    {
        TinyModel model = new("qwen2", tied: true, seed);
        using TemporaryFolder folder = new();
        model.WriteShards(folder.Path);
        Dictionary<string, byte[]> shards = Directory.GetFiles(folder.Path).ToDictionary(file => Path.GetFileName(file), File.ReadAllBytes);
        return
        [
            (new() { ["config.json"] = model.ConfigBytes, ["model.safetensors"] = model.SafetensorsBytes() }, ""),
            (shards, ""),
            (new() { ["model.gguf"] = model.Gguf().ToBytes() }, "model.gguf"),
        ];
    }

    private TailorKVException? TryOpen(Dictionary<string, byte[]> files, string open)
    {
        foreach (string file in Directory.GetFiles(_folder.Path))
            File.Delete(file);
        foreach ((string name, byte[] content) in files)
            _folder.Write(name, content);
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            using ModelFiles model = ModelFiles.Open(_folder.File(open));
            model.Weights.Matrices.First().Multiply(new float[model.Config.HiddenSize], 1, new float[model.Config.VocabularySize]);
            return null;
        }
        catch (TailorKVException error)
        {
            Assert.Contains(_folder.Path, error.Message, StringComparison.Ordinal);
            return error;
        }
        finally
        {
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, AllowedBytes);
        }
    }
}
