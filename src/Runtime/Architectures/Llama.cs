namespace TailorKV.Runtime.Architectures;

/// <summary>Llama 1 to 3 (arXiv 2407.21783), and the many models that are called so.</summary>
internal sealed class Llama : Architecture
{
    /// <inheritdoc/>
    public override string Name => "llama";

    /// <inheritdoc/>
    public override ConfigDefaults Defaults { get; } = new(ContextLength: 2048);

    /// <inheritdoc/>
    public override bool InterleavesGgufRows => true;
}
