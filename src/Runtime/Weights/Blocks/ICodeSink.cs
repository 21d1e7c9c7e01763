using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>What becomes of the numbers of a block, sixteen at a time: so that decoding and multiplying read a format by the same code.</summary>
internal interface ICodeSink
{
    /// <summary>Takes the numbers codes * scale.</summary>
    /// <param name="at">The place of the first in the block.</param>
    /// <param name="codes">Sixteen codes.</param>
    /// <param name="scale">Their scale.</param>
    void Take(int at, Vector128<sbyte> codes, float scale);

    /// <summary>Takes the numbers codes * scale + offset.</summary>
    void Take(int at, Vector128<sbyte> codes, float scale, float offset);

    /// <summary>The same for codes of 0 to 15, which some machines do sooner.</summary>
    void TakeFourBits(int at, Vector128<byte> codes, float scale, float offset);

    /// <summary>Goes on to the next block.</summary>
    /// <param name="elements">Numbers of a block.</param>
    void Advance(int elements);
}
