using TailorKV.Runtime.Formats;

namespace TailorKV.Runtime.Quantized;

/// <summary>How a checkpoint stores its linear layers in several tensors each.</summary>
internal abstract class QuantizedFormat
{
    /// <summary>The ending of the tensor that a quantized module has.</summary>
    public abstract string Codes { get; }

    /// <summary>The type of that tensor, as files name it: a module whose tensor has another is not quantized.</summary>
    public abstract string CodesType { get; }

    /// <summary>The endings of all other tensors that a module may have for its codes.</summary>
    public abstract IReadOnlyList<string> Others { get; }

    /// <summary>Lays a module's matrix out in blocks, with the same numbers.</summary>
    /// <param name="module">Its tensors.</param>
    /// <param name="rows">Outputs.</param>
    /// <param name="columns">Inputs.</param>
    public abstract StoredTensor Read(ModuleTensors module, int rows, int columns);
}
