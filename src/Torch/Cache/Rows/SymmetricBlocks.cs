using TailorKV.Planner.Policies.Codes;
using TailorKV.Torch.Numbers;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Cache.Rows;

/// <summary>
/// Symmetric codes of blocks of 32 channels, the last block shorter where they are no whole number, as llama.cpp's q8_0 and q4_0 have them: 8 bits with scale = max |x| / 127 and code = round(x / scale),
/// 4 bits with scale = the element of largest magnitude (the first of two) / -8 and code = floor(x / scale + 1/2), at most 7. Codes are chosen for the scale before it is rounded to fp16, and have
/// 2^(bits - 1) added.
/// </summary>
internal static class SymmetricBlocks
{
    private const int Block = PerBlockFormat.BlockChannels;
    private const float MostHalf = 65504;

    /// <summary>Blocks of a row.</summary>
    /// <param name="channels">Its elements.</param>
    public static int Blocks(int channels) => (channels + Block - 1) / Block;

    /// <summary>Codes rows.</summary>
    /// <param name="rows">[..., channels].</param>
    /// <param name="bits">Bits of a code: 4 or 8.</param>
    /// <returns>Scales, [..., blocks] in fp16, and codes, [..., channels], a byte each.</returns>
    public static (Tensor Scales, Tensor Codes) Encode(Tensor rows, int bits)
    {
        int offset = 1 << (bits - 1);
        Tensor blocks = InBlocks(rows), sizes = blocks.abs(), most = sizes.amax([-1], keepdim: true);
        // Divided by a tensor: by a number, CUDA multiplies with its inverse, which rounds otherwise.
        Tensor scales = (bits == 8 ? most / full_like(most, Held.Of(127)) : FirstWhere(sizes.eq(most), blocks) / Held.Of(-8)).clamp(Held.Of(-MostHalf), Held.Of(MostHalf)), stored = scales.to(ScalarType.Float16);
        // A scale that fp16 has no number for but zero decodes to zeros, whatever the codes; its inverse may be infinite.
        Tensor codes = blocks * scales.reciprocal().masked_fill(stored.eq(Held.Of(0)), Held.Of(0));
        if (bits == 8)
        {
            // Away from zero where it lies halfway.
            Tensor magnitudes = codes.abs(), whole = magnitudes.floor();
            codes = (whole.Plus((magnitudes - whole).ge(Held.Of(0.5)).to(ScalarType.Float32)) * codes.sign()).Plus(Held.Of(offset));
        }
        else
        {
            codes = codes.Plus(Held.Of(offset)).Plus(Held.Of(0.5)).floor();
        }

        return (stored.squeeze(-1), codes.clamp(Held.Of(0), Held.Of((2 * offset) - 1)).to(ScalarType.Byte).flatten(-2).narrow(-1, 0, rows.shape[^1]));
    }

    /// <summary>What codes stand for.</summary>
    /// <param name="scales">[..., blocks].</param>
    /// <param name="codes">[..., channels].</param>
    /// <param name="bits">Bits of a code.</param>
    /// <returns>[..., channels], f32.</returns>
    public static Tensor Decode(Tensor scales, Tensor codes, int bits) =>
        (InBlocks(codes.to(ScalarType.Float32) - Held.Of(1 << (bits - 1))) * scales.to(ScalarType.Float32).unsqueeze(-1)).flatten(-2).narrow(-1, 0, codes.shape[^1]);

    private static Tensor InBlocks(Tensor rows)
    {
        long channels = rows.shape[^1], blocks = Blocks((int)channels), missing = (blocks * Block) - channels;
        return (missing == 0 ? rows : nn.functional.pad(rows, [0, missing])).reshape([.. rows.shape[..^1], blocks, Block]);
    }

    private static Tensor FirstWhere(Tensor which, Tensor blocks) =>
        blocks.gather(-1, (which.to(ScalarType.Int32) * arange(Held.Of(Block), Held.Of(0), Held.Of(-1), ScalarType.Int32, blocks.device)).argmax(-1, keepdim: true));
}
