namespace TailorKV.Runtime.Cache.Packs;

/// <summary>The plain twin of <see cref="VectorPackKernel{TBits, TWords}"/>: a code at a time. It does for machines without wide registers.</summary>
internal sealed unsafe class PlainPackKernel(CodeLevels levels, int numberBytes) : PackKernel(levels, numberBytes)
{
    protected override void AddProducts(
        PackRange range, byte* factors, nint factorStride, int n, float* steps, int* sums, float* scales, float* destination, nint stride)
    {
        var pack = (byte*)range.First;
        for (int repeat = 0; repeat < range.Repeats; repeat++, pack += range.Shape.Bytes, scales += range.Lanes, destination += range.Lanes)
        {
            for (int lane = 0; lane < range.Lanes; lane++)
            {
                for (int query = 0; query < n; query++)
                    destination[(query * stride) + lane] += Sum(range, pack, lane, factors + (query * factorStride)) * (scales[lane] * steps[query]);
            }
        }
    }

    private int Sum(PackRange range, byte* pack, int lane, byte* factors)
    {
        int sum = 0;
        for (int i = 0; i < range.Sums; i++, pack += range.Shape.Bytes)
        {
            for (int depth = range.FirstDepth; depth < range.FirstDepth + range.Depth; depth++, factors += NumberBytes)
                sum += (NumberBytes == 1 ? *(sbyte*)factors : *(short*)factors) * Levels.Of(range.Shape.Get(pack, lane, depth));
        }

        return sum;
    }
}
