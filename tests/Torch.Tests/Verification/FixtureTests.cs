using TailorKV.Runtime;
using TailorKV.Runtime.Tests.Verification;

namespace TailorKV.Torch.Tests.Verification;

/// <summary>Every architecture on libtorch against outputs of another implementation.</summary>
public class FixtureTests
{
    public static TheoryData<string> Fixtures => ArchitectureFixtures.All;

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Tensors_and_greedy_tokens_equal_the_reference(string name)
    {
        string folder = ArchitectureFixtures.Folder(name);
        using TorchBackend backend = new(new TorchOptions { Threads = 1 });
        using var model = CausalLanguageModel.Load(folder, backend);
        ArchitectureFixtures.Compare(model);
        ArchitectureFixtures.WritesGreedyTokens(model);
    }

    [Theory]
    [MemberData(nameof(QuantizedFixtures.All), MemberType = typeof(QuantizedFixtures))]
    public void Quantized_checkpoints_equal_the_reference(string name)
    {
        string folder = QuantizedFixtures.Folder(name);
        using TorchBackend backend = new(new TorchOptions { Threads = 1 });
        using var model = CausalLanguageModel.Load(folder, backend);
        QuantizedFixtures.Compare(model);
    }
}
