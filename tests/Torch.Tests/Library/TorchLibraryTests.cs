using System.Text;
using TailorKV.Planner;
using TailorKV.Torch.Library;
using TailorKV.Torch.Memory;
using TorchSharp;

namespace TailorKV.Torch.Tests.Library;

public class TorchLibraryTests
{
    /// <summary>What errors ask for, and where packages are looked for, is the version that TorchSharp names once it is there.</summary>
    [Fact]
    public void Is_of_the_version_that_it_is_looked_for_by()
    {
        TorchLibrary.Load();
        Assert.StartsWith(TorchLibrary.Version + ".", torch.__version__ + ".", StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_card_cuda_is_refused_with_what_to_do()
    {
        TorchLibrary.Load();
        Assert.SkipWhen(torch.cuda.is_available(), "there is a card");
        var error = Assert.Throws<TailorKVException>(() => new TorchBackend(new TorchOptions { Cuda = true }));
        Assert.Contains("finds no CUDA card", error.Message, StringComparison.Ordinal);
        Assert.Contains("--device torch or cpu", error.Remedy, StringComparison.Ordinal);
        Assert.Contains("no CUDA card", TorchBackend.Describe(), StringComparison.Ordinal);
    }

    [Fact]
    public void What_libtorch_has_no_memory_for_is_named()
    {
        TorchLibrary.Load();
        var error = Assert.Throws<CapacityExceededException>(() => Scarcity.Named(() => new TorchArena("device", 1L << 50, torch.CPU), "the cache of a test"));
        Assert.Contains("no memory for the cache of a test", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_arena_gives_its_memory_back_with_all_that_was_given_out_of_it()
    {
        TorchLibrary.Load();
        TorchArena arena = new("device", 1 << 20, torch.CPU);
        var floats = arena.Take(torch.ScalarType.Float32, 4, 8);
        floats.fill_(1);
        Assert.Equal(128, arena.Used);
        arena.Dispose();
        Assert.True(floats.IsInvalid);
    }

    /// <summary>Of a library without the symbol nothing is changed; of one with it, of the symbol's entry the binding alone, and of its version's the flag alone.</summary>
    [Fact]
    public void A_symbol_is_made_weak_where_it_is_named()
    {
        byte[] library = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native", "libLibTorchSharp.so")), before = [.. library];
        Assert.False(WeakSymbol.Mark(library, "_ZSt11not_a_symbol", "GLIBCXX_3.4.32"));
        Assert.False(WeakSymbol.Mark(library, "_ZSt21ios_base_library_initv", "GLIBCXX_9.9.99"));
        before.CopyTo(library, 0);
        Assert.True(WeakSymbol.Mark(library, "_ZSt21ios_base_library_initv", "GLIBCXX_3.4.32"));
        int[] changed = [.. Enumerable.Range(0, library.Length).Where(i => library[i] != before[i])];
        Assert.InRange(changed.Length, 2, 3);
        Assert.Equal(-1, library.AsSpan().IndexOf(Encoding.ASCII.GetBytes("GLIBCXX_9.9.99")));
    }
}
