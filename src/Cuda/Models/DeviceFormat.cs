namespace TailorKV.Cuda.Models;

/// <summary>How a matrix lies on the card; the numbers are those of WEIGHT in weights.cuh.</summary>
internal enum DeviceFormat
{
    /// <summary>Single precision.</summary>
    F32 = 0,

    /// <summary>Half precision.</summary>
    F16 = 1,

    /// <summary>The upper half of a single-precision number; also what is stored in types that have no kernels.</summary>
    BF16 = 2,

    /// <summary>Signed bytes; in a plane of their own, a half-precision scale for each 32.</summary>
    Q8_0 = 3,

    /// <summary>16 bytes for each 32 weights, as stored; their scales in a plane of their own.</summary>
    Q4_0 = 4,

    /// <summary>16 bytes for each 32 weights, as stored; their scales and offsets in a plane of their own.</summary>
    Q4_1 = 5,

    /// <summary>Blocks of 144 bytes, as stored.</summary>
    Q4_K = 6,
}
