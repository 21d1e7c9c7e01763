namespace TailorKV.Runtime.Backends.Cpu.Cache.Exact;

/// <summary>The plain twin of <see cref="VectorTileKernel{TElement, TLanes}"/>: a token at a time. It does for machines without wide registers.</summary>
internal unsafe class PlainTileKernel<TElement> : TileKernel
    where TElement : struct, ITileElement
{
    public override int ElementBytes => TElement.Bytes;

    public override void Write(byte* tile, int token, ReadOnlySpan<float> key)
    {
        foreach (float element in key)
        {
            TElement.Write(tile, token, element);
            tile += Tokens * TElement.Bytes;
        }
    }

    public override void Dots(byte* tiles, int count, int channels, float* queries, int n, float* dots, nint stride)
    {
        for (int query = 0; query < n; query++)
        {
            for (int token = 0; token < count * Tokens; token++)
                dots[(query * stride) + token] = Dot(tiles + ((nint)(token / Tokens) * channels * Tokens * TElement.Bytes), token % Tokens, channels, queries + (query * channels));
        }
    }

    private static float Dot(byte* tile, int token, int channels, float* query)
    {
        float sum = 0;
        for (int channel = 0; channel < channels; channel++, tile += Tokens * TElement.Bytes)
            sum = MathF.FusedMultiplyAdd(TElement.Read(tile, token), query[channel], sum);
        return sum;
    }
}
