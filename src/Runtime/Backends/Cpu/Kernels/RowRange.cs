namespace TailorKV.Runtime.Backends.Cpu.Kernels;

/// <summary>Rows as they are stored, one after another, that a kernel goes through: tokens' keys or values, or rows of a weight matrix.</summary>
/// <param name="First">Where the first row begins.</param>
/// <param name="Bytes">Bytes from one row to the next.</param>
/// <param name="Count">Rows.</param>
/// <param name="Start">The first element that takes part, a multiple of 16.</param>
/// <param name="End">The element after the last that does.</param>
internal readonly unsafe record struct RowRange(nint First, nint Bytes, int Count, int Start, int End)
{
    public byte* Row(int index) => (byte*)(First + (index * Bytes));
}
