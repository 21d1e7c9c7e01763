namespace TailorKV.Runtime.Backends.Cpu.Cache.Packs;

/// <summary>The plain twin of <see cref="VectorPackKernel{TBits, TWords}"/>: a code at a time. It does for machines without wide registers.</summary>
internal sealed unsafe class PlainPackKernel(CodeLevels levels, int numberBytes) : PackKernel(levels, numberBytes)
{
    protected override void AddProducts(in PackWork work)
    {
        (PackRange range, PackFactors factors, KeptSums kept) = (work.Range, work.Factors, work.Kept);
        float* scales = work.Scales, destination = work.Destination;
        var pack = (byte*)range.First;
        byte* first = factors.First;
        for (int repeat = 0; repeat < range.Repeats; repeat++, pack += range.Shape.Bytes, first += factors.Step, scales += range.Lanes, destination += range.Lanes)
        {
            for (int lane = 0; lane < range.Lanes; lane++)
            {
                for (int query = 0; query < factors.Queries; query++)
                {
                    byte* factor = first + (query * factors.Stride);
                    byte* word = kept.First + (query * kept.Stride) + (((repeat * range.Lanes) + lane) * range.Shape.WordBytes);
                    for (int group = 0; group < range.Groups; group++)
                    {
                        int sum = Sum(range, group, pack, lane, ref factor) + (kept.Resumes ? Read(word) : 0);
                        if (kept.Keeps)
                            Write(word, sum);
                        else
                            destination[(query * work.Stride) + lane] += sum * (scales[(group * range.Lanes * range.Repeats) + lane] * factors.Steps[query]);
                    }
                }
            }
        }
    }

    private int Read(byte* word) => NumberBytes == 1 ? *(short*)word : *(int*)word;

    private void Write(byte* word, int sum)
    {
        if (NumberBytes == 1)
            *(short*)word = (short)sum;
        else
            *(int*)word = sum;
    }

    private int Sum(PackRange range, int group, byte* pack, int lane, ref byte* factor)
    {
        int sum = 0, first = range.FirstDepth + (group * range.GroupDepth), end = Math.Min(first + range.GroupDepth, range.FirstDepth + range.Depth);
        for (int i = 0; i < range.Sums; i++, pack += range.Shape.Bytes)
        {
            for (int depth = first; depth < end; depth++, factor += NumberBytes)
                sum += (NumberBytes == 1 ? *(sbyte*)factor : *(short*)factor) * Levels.Of(range.Shape.Get(pack, lane, depth));
        }

        return sum;
    }
}
