using TailorKV.Runtime.Verification;
using TailorKV.Tests;

namespace TailorKV.Runtime.Tests.Verification;

/// <summary>One small model in each quantized format, with what another implementation computes from its dequantized weights, which every backend is held to.</summary>
internal static class QuantizedFixtures
{
    public static TheoryData<string> All { get; } =
        ["awq-gemm", "ct-fp8", "ct-fp8-block", "ct-fp8-channel", "ct-int4", "ct-int4-asym", "ct-nvfp4", "gptq-8bit", "gptq-v1", "gptq-v2-act-order"];

    /// <summary>A model's folder; where it is absent the test is skipped.</summary>
    public static string Folder(string name) => SharedData.Require($"fixtures/weights/{name}");

    /// <summary>The reference's logits are within 1e-3.</summary>
    public static void Compare(CausalLanguageModel model)
    {
        TensorDifference logits = Assert.Single(ReferenceComparison.Compare(model, Path.Combine(model.Path, "reference.safetensors"), 1e-3));
        Assert.True(logits.Passed, logits.ToString());
    }
}
