using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TailorKV.Runtime.Weights.Blocks;

namespace TailorKV.Runtime.Backends.Cpu.Products.Interleaved;

/// <summary>Puts the codes of a row's block among those of other rows.</summary>
/// <param name="codes">Theirs, which are zero where nothing has been written.</param>
/// <param name="row">The row's place among them.</param>
internal readonly unsafe struct InterleavedWriter<TBlocks>(byte* codes, int row) : ICodeSink
    where TBlocks : struct, IBlocks
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Take(int at, Vector128<sbyte> sixteen, float scale)
    {
        Vector128<ulong> stored = (sixteen + Vector128.Create((sbyte)TBlocks.Bias)).AsUInt64();
        byte* group = codes + (at / TBlocks.Group * InterleavedCodes<TBlocks>.GroupBytes);
        InterleavedCodes<TBlocks>.Put(group, row, at % TBlocks.Group, stored[0]);
        InterleavedCodes<TBlocks>.Put(group, row, (at % TBlocks.Group) + 8, stored[1]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Take(int at, Vector128<sbyte> sixteen, float scale, float offset) => Take(at, sixteen, scale);
}
