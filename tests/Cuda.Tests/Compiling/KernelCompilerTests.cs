using TailorKV.Cuda.Compiling;
using TailorKV.Planner;
using TailorKV.Runtime.Tests;

namespace TailorKV.Cuda.Tests.Compiling;

public sealed class KernelCompilerTests : IDisposable
{
    private static readonly KernelSource Source = new("merge");

    private readonly TemporaryFolder _folder = new();

    public KernelCompilerTests() => EmulatedCard.Require();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Compiles_once_and_finds_it_again()
    {
        KernelCompiler first = New(), second = New();
        byte[] image = first.Image(Source);
        Assert.Equal(image, second.Image(Source));
        Assert.Equal((1, 0), (first.Compiled, second.Compiled));
        Assert.Single(Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void Images_of_other_texts_drivers_and_cards_are_others()
    {
        byte[] image = New().Image(Source);
        Assert.All(
            new[] { New(driver: 12050), New(minor: 9), New(text: _ => Source.Text + "\n") },
            compiler =>
            {
                Assert.Equal(image.Length > 0, compiler.Image(Source).Length > 0);
                Assert.Equal(1, compiler.Compiled);
            });
        Assert.Equal(4, Directory.GetFiles(_folder.Path).Length);
    }

    /// <summary>Torn at any place, of somebody else, empty, or with a bit turned: compiled anew, and mended.</summary>
    [Fact]
    public void What_is_not_whole_is_compiled_anew()
    {
        byte[] image = New().Image(Source);
        string path = Assert.Single(Directory.GetFiles(_folder.Path));
        byte[] whole = File.ReadAllBytes(path);
        byte[] turned = [.. whole];
        turned[^1] ^= 1;
        foreach (byte[] bad in new[] { whole[..^1], whole[..100], whole[..50], [], "somebody else's"u8.ToArray(), new byte[whole.Length], turned })
        {
            File.WriteAllBytes(path, bad);
            KernelCompiler compiler = New();
            Assert.Equal(image.Length, compiler.Image(Source).Length);
            Assert.Equal(1, compiler.Compiled);
            Assert.Equal(whole.Length, File.ReadAllBytes(path).Length);
        }
    }

    [Fact]
    public void A_folder_that_cannot_be_written_costs_compiling_alone()
    {
        File.WriteAllText(Path.Combine(_folder.Path, "file"), "");
        KernelCompiler compiler = new(() => EmulatedCard.Compiler, new ImageCache(Path.Combine(_folder.Path, "file", "below")), (8, 6), 12040);
        Assert.NotEmpty(compiler.Image(Source));
    }

    [Fact]
    public void A_source_that_does_not_compile_is_named_with_its_error()
    {
        TailorKVException exception = Assert.Throws<TailorKVException>(() => New(text: _ => "this is not C++").Image(Source));
        Assert.Contains("merge.cu", exception.Message, StringComparison.Ordinal);
        Assert.Contains("error", exception.Message, StringComparison.Ordinal);
    }

    private KernelCompiler New(int driver = 12040, int minor = 6, Func<KernelSource, string>? text = null) => new(() => EmulatedCard.Compiler, new ImageCache(_folder.Path), (8, minor), driver, text);
}
