using System.Runtime.InteropServices;
using TailorKV.Cuda.Compiling;
using TailorKV.Cuda.Driver;
using TailorKV.Cuda.Memory;

namespace TailorKV.Cuda.Models;

/// <summary>Launches rows.cu: what is done to whole rows of hidden states and heads.</summary>
internal sealed class RowKernels
{
    private const int Threads = 256, HeadsOfBlock = 4, StoreThreads = 64;

    private readonly Card _card;
    private readonly Kernel _norm;
    private readonly Kernel _gated;
    private readonly Kernel _rotate;
    private readonly Kernel _capLogits;
    private readonly Kernel _storePrompt;

    /// <summary>Has the kernels compiled.</summary>
    /// <param name="card">For which.</param>
    public RowKernels(Card card)
    {
        _card = card;
        (_norm, _gated, _rotate) = (card.Kernels.Kernel(Source, "norm"), card.Kernels.Kernel(Source, "gated"), card.Kernels.Kernel(Source, "rotate"));
        (_capLogits, _storePrompt) = (card.Kernels.Kernel(Source, "capLogits"), card.Kernels.Kernel(Source, "storePrompt"));
    }

    /// <summary>The most pairs of a head that turn.</summary>
    public const int MostPairs = 512;

    /// <summary>Their source.</summary>
    public static KernelSource Source { get; } = new("rows");

    /// <summary>rows += addend * addendScale; normed = rows over the root of their mean square, times a weight.</summary>
    /// <param name="rows">[count, width].</param>
    /// <param name="addend">[count, width], or 0.</param>
    /// <param name="addendScale">What the addend is multiplied with.</param>
    /// <param name="weight">[width]; 0: rows are only copied.</param>
    /// <param name="normed">[count, width]; may be the rows.</param>
    /// <param name="width">Numbers of a row.</param>
    /// <param name="count">Rows.</param>
    /// <param name="epsilon">Added to the mean square.</param>
    public void Norm(nint rows, nint addend, float addendScale, nint weight, nint normed, int width, int count, float epsilon) =>
        _norm.Launch(_card.Stream, new Grid(count), Threads, new NormArguments(rows, addend, weight, normed, width, addendScale, epsilon));

    /// <summary>up *= activation(gate).</summary>
    /// <param name="gate">[count].</param>
    /// <param name="up">[count].</param>
    /// <param name="count">Numbers.</param>
    /// <param name="gelu">Whether the activation is GELU, by tanh, and not SiLU.</param>
    public void Gated(nint gate, nint up, long count, bool gelu) => _gated.Launch(_card.Stream, Blocks(count), Threads, new GateArguments(gate, up, count, gelu ? 1 : 0));

    /// <summary>Norms heads, each by itself, turns them by their positions and scales them.</summary>
    /// <param name="first">Some heads.</param>
    /// <param name="second">Others; may be none.</param>
    /// <param name="frequencies">Radians a token, [pairs].</param>
    /// <param name="pairs">Pairs of channels that turn.</param>
    /// <param name="interleaved">Whether they come side by side.</param>
    /// <param name="factor">What cosines and sines are multiplied with.</param>
    /// <param name="position">The address of the first row's position.</param>
    /// <param name="headDim">Channels of a head.</param>
    /// <param name="count">Rows.</param>
    /// <param name="epsilon">Added to a norm's mean square.</param>
    public void Rotate(Heads first, Heads second, nint frequencies, int pairs, bool interleaved, float factor, nint position, int headDim, int count, float epsilon) =>
        _rotate.Launch(_card.Stream, new Grid((first.Count + second.Count + HeadsOfBlock - 1) / HeadsOfBlock, count), HeadsOfBlock * 32,
            new RotateArguments(first, second, frequencies, position, headDim, pairs, interleaved ? 1 : 0, factor, epsilon));

    /// <summary>cap * tanh(logit * scale / cap).</summary>
    /// <param name="logits">[count].</param>
    /// <param name="count">Numbers.</param>
    /// <param name="scale">The scale.</param>
    /// <param name="cap">The cap; 0 for none.</param>
    public void CapLogits(nint logits, long count, float scale, float cap) => _capLogits.Launch(_card.Stream, Blocks(count), Threads, new LogitArguments(logits, count, scale, cap));

    /// <summary>Puts a chunk's keys and values among those of a prompt.</summary>
    /// <param name="keys">[count, kvHeads, headDim].</param>
    /// <param name="values">The same.</param>
    /// <param name="allKeys">[kvHeads, stride, headDim].</param>
    /// <param name="allValues">The same.</param>
    /// <param name="stride">Tokens from a head to the next.</param>
    /// <param name="first">Position of the first token.</param>
    /// <param name="kvHeads">KV heads.</param>
    /// <param name="headDim">Channels.</param>
    /// <param name="count">Tokens.</param>
    public void StorePrompt(nint keys, nint values, nint allKeys, nint allValues, long stride, int first, int kvHeads, int headDim, int count) =>
        _storePrompt.Launch(_card.Stream, new Grid(kvHeads, count), StoreThreads, new StoreArguments(keys, values, allKeys, allValues, stride, first, kvHeads, headDim));

    private static Grid Blocks(long count) => new((int)((count + Threads - 1) / Threads));

    /// <summary>Heads of some rows.</summary>
    /// <param name="Rows">[count, heads, headDim].</param>
    /// <param name="Norm">[headDim], or 0.</param>
    /// <param name="Count">Heads of a row.</param>
    /// <param name="Scale">What they are multiplied with.</param>
    [StructLayout(LayoutKind.Sequential)]
    internal readonly record struct Heads(nint Rows, nint Norm, int Count, float Scale);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct NormArguments(nint Rows, nint Addend, nint Weight, nint Normed, int Width, float AddendScale, float Epsilon);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct GateArguments(nint Gate, nint Up, long Count, int Gelu);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct RotateArguments(Heads First, Heads Second, nint Frequencies, nint Position, int HeadDim, int Pairs, int Interleaved, float Factor, float Epsilon);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct LogitArguments(nint Logits, long Count, float Scale, float Cap);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct StoreArguments(nint Keys, nint Values, nint AllKeys, nint AllValues, long Stride, int First, int KvHeads, int HeadDim);
}
