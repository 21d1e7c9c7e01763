using System.Diagnostics.CodeAnalysis;

namespace TailorKV.Runtime.Weights;

/// <summary>The types weights are stored in. Block layouts are those of the GGUF format.</summary>
[SuppressMessage("Naming", "CA1707", Justification = "The names are those of the GGUF format.")]
public enum WeightType
{
    /// <summary>IEEE 754 single precision.</summary>
    F32,

    /// <summary>IEEE 754 half precision.</summary>
    F16,

    /// <summary>The upper half of a single-precision number.</summary>
    BF16,

    /// <summary>Blocks of 32: a half-precision scale and signed bytes.</summary>
    Q8_0,

    /// <summary>Blocks of 32: a half-precision scale and 4-bit codes less 8.</summary>
    Q4_0,

    /// <summary>Blocks of 32: a half-precision scale and offset, and 4-bit codes.</summary>
    Q4_1,

    /// <summary>Blocks of 32: a half-precision scale and 5-bit codes less 16.</summary>
    Q5_0,

    /// <summary>Blocks of 32: a half-precision scale and offset, and 5-bit codes.</summary>
    Q5_1,

    /// <summary>Blocks of 256: eight groups of 32 with 6-bit scales and offsets, and 4-bit codes.</summary>
    Q4_K,

    /// <summary>Blocks of 256: eight groups of 32 with 6-bit scales and offsets, and 5-bit codes.</summary>
    Q5_K,

    /// <summary>Blocks of 256: sixteen groups of 16 with 8-bit scales, and 6-bit codes less 32.</summary>
    Q6_K,

    /// <summary>Blocks of 32: a single-precision scale and offset, and 4-bit codes. No file has it: checkpoints of Hugging Face are laid out so, with the same numbers.</summary>
    I4_32,

    /// <summary>Blocks of 128: a single-precision scale and offset, and 4-bit codes; as <see cref="I4_32"/>.</summary>
    I4_128,

    /// <summary>Blocks of 32: a single-precision scale and offset, and signed bytes; as <see cref="I4_32"/>.</summary>
    I8_32,

    /// <summary>Blocks of 128: a single-precision scale and offset, and signed bytes; as <see cref="I4_32"/>.</summary>
    I8_128,

    /// <summary>Blocks of 32: two groups of 16 with single-precision scales, and signed bytes; as <see cref="I4_32"/>.</summary>
    I8_16,
}
