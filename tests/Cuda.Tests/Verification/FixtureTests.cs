using TailorKV.Runtime;
using TailorKV.Runtime.Tests.Verification;

namespace TailorKV.Cuda.Tests.Verification;

/// <summary>Every architecture on the emulated card against outputs of another implementation.</summary>
public class FixtureTests
{
    public static TheoryData<string> Fixtures => ArchitectureFixtures.All;

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Tensors_and_greedy_tokens_equal_the_reference(string name)
    {
        string folder = ArchitectureFixtures.Folder(name);
        using var model = CausalLanguageModel.Load(folder, EmulatedCard.Backend);
        ArchitectureFixtures.Compare(model);
        ArchitectureFixtures.WritesGreedyTokens(model);
    }
}
