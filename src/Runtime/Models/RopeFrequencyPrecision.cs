namespace TailorKV.Runtime.Models;

/// <summary>
/// To what the rotary frequencies are rounded before use. Models are made for unrounded ones. PyTorch's <c>model.to(dtype)</c> rounds them with
/// everything else and converting back does not bring them back, so a reference made that way is met only with the same rounding.
/// </summary>
public enum RopeFrequencyPrecision
{
    /// <summary>Not rounded: what the model was made for.</summary>
    Float32,

    /// <summary>Rounded to IEEE half precision.</summary>
    Float16,

    /// <summary>Rounded to bfloat16.</summary>
    BFloat16,
}
