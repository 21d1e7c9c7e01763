using System.Runtime.Intrinsics;

namespace TailorKV.Runtime.Weights.Blocks;

/// <summary>What becomes of the numbers of a block, sixteen at a time: so that all that reads a format does it by the same code.</summary>
internal interface ICodeSink
{
    /// <summary>Takes the sixteen numbers codes * scale.</summary>
    /// <param name="at">The place of the first in the block.</param>
    /// <param name="sixteen">Their codes.</param>
    /// <param name="scale">Their scale.</param>
    void Take(int at, Vector128<sbyte> sixteen, float scale);

    /// <summary>Takes the sixteen numbers codes * scale + offset.</summary>
    void Take(int at, Vector128<sbyte> sixteen, float scale, float offset);
}
