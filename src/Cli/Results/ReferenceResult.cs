using TailorKV.Runtime.Verification;

namespace TailorKV.Cli.Results;

/// <summary>What 'doctor MODEL --reference FILE --json' writes.</summary>
internal sealed record ReferenceResult(
    string Model, string Reference, double Tolerance, IReadOnlyList<TensorDifference> Tensors, IReadOnlyList<SkippedTensor> Skipped, bool Passed, IReadOnlyList<string> Remarks);
