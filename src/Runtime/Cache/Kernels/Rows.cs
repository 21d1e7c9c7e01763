namespace TailorKV.Runtime.Cache.Kernels;

/// <summary>Stored rows that a kernel goes through.</summary>
/// <param name="First">Where the first row begins.</param>
/// <param name="Bytes">Bytes from one row to the next.</param>
/// <param name="Count">Rows.</param>
/// <param name="Length">Elements of a whole row.</param>
/// <param name="Start">The first element that takes part, a multiple of 16.</param>
/// <param name="End">The element after the last that does.</param>
/// <param name="Levels">What each code stands for, [16].</param>
internal readonly unsafe record struct Rows(nint First, nint Bytes, int Count, int Length, int Start, int End, nint Levels)
{
    public byte* Row(int index) => (byte*)(First + (index * Bytes));

    public float* LevelTable => (float*)Levels;
}
