using System.Runtime.InteropServices;

namespace TailorKV.Cuda.Compiling;

/// <summary>Strings as C takes them.</summary>
internal sealed unsafe class Utf8Strings : IDisposable
{
    private readonly int _count;

    /// <summary>Copies them.</summary>
    public Utf8Strings(IReadOnlyList<string> strings)
    {
        _count = strings.Count;
        First = (byte**)NativeMemory.AllocZeroed((nuint)(_count + 1), (nuint)sizeof(byte*));
        for (int i = 0; i < _count; i++)
            First[i] = (byte*)Marshal.StringToCoTaskMemUTF8(strings[i]);
    }

    /// <summary>The array of them.</summary>
    public byte** First { get; }

    /// <summary>One of them.</summary>
    public byte* this[int index] => First[index];

    /// <inheritdoc/>
    public void Dispose()
    {
        for (int i = 0; i < _count; i++)
            Marshal.FreeCoTaskMem((nint)First[i]);
        NativeMemory.Free(First);
    }
}
