using System.Runtime.InteropServices;
using TailorKV.Runtime.Tests.Formats;
using TailorKV.Runtime.Tests.Models;
using TailorKV.Runtime.Verification;
using TailorKV.Runtime.Weights;

namespace TailorKV.Runtime.Tests.Verification;

public sealed class ReferenceComparisonTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(-100)]
    [InlineData(100)]
    public void Differences_are_shares_of_the_largest_magnitude_whatever_its_sign(float logit)
    {
        new TinyModel().WriteFolder(_folder.Path);
        SafetensorsWriter reference = new SafetensorsWriter()
            .Add("input_ids", "I64", [2], MemoryMarshal.AsBytes<long>([1, 2]).ToArray())
            .Add("logits", WeightType.F32, [2, TinyModel.Vocabulary], [.. Enumerable.Repeat(logit, 2 * TinyModel.Vocabulary)]);
        using CausalLanguageModel model = CausalLanguageModel.Load(_folder.Path);
        TensorDifference logits = Assert.Single(ReferenceComparison.Compare(model, _folder.Write("reference.safetensors", reference.ToBytes()), 1e-3));
        Assert.Equal(logits.Absolute / 100, logits.Relative);
    }
}
