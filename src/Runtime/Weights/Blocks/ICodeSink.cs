using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>What becomes of the numbers of a block, some at a time: so that decoding and multiplying read a format by the same code.</summary>
internal interface ICodeSink
{
    /// <summary>Takes the sixteen numbers codes * scale.</summary>
    /// <param name="at">The place of the first in the block.</param>
    /// <param name="codes">Sixteen codes.</param>
    /// <param name="scale">Their scale.</param>
    void Take(int at, Vector128<sbyte> codes, float scale);

    /// <summary>Takes the 32 numbers codes * scale.</summary>
    /// <param name="at">The place of the first in the block, a multiple of 32.</param>
    /// <param name="first">The first sixteen codes.</param>
    /// <param name="second">The others.</param>
    /// <param name="scale">Their scale.</param>
    void Take(int at, Vector128<sbyte> first, Vector128<sbyte> second, float scale);

    /// <summary>Takes the 32 numbers codes * scale + offset.</summary>
    void Take(int at, Vector128<sbyte> first, Vector128<sbyte> second, float scale, float offset);

    /// <summary>Takes the 32 numbers codes * scale + offset, where the first sixteen codes are the lower halves of bytes and the others the upper halves.</summary>
    void TakeHalves(int at, Vector128<byte> packed, float scale, float offset);

    /// <summary>Goes on to the next block.</summary>
    /// <param name="elements">Numbers of a block.</param>
    void Advance(int elements);
}
