using System.Buffers.Binary;
using System.Text;

namespace TailorKV.Torch.Library;

/// <summary>
/// Makes a symbol of a shared library optional, so that a system whose own library is too old to have it loads it all the same. Only for symbols that nothing calls: libLibTorchSharp.so names
/// one of GCC 13 (GLIBCXX_3.4.32) that its headers mention and no code of it reads. ELF, 64 bits, little-endian (System V ABI; LSB symbol versioning).
/// </summary>
internal static class WeakSymbol
{
    private const uint SymbolTable = 11;
    private const uint NeededVersions = 0x6ffffffe;
    private const int SymbolBytes = 24;
    private const byte WeakVersion = 2;
    private const byte WeakBinding = 2 << 4;

    /// <summary>Marks the symbol and the version it is needed in as weak, in place.</summary>
    /// <param name="library">The library's bytes.</param>
    /// <param name="symbol">The symbol.</param>
    /// <param name="version">Its version.</param>
    /// <returns>Whether both were there.</returns>
    public static bool Mark(Span<byte> library, string symbol, string version)
    {
        bool symbolFound = false, versionFound = false;
        int first = (int)Long(library, 0x28), size = Short(library, 0x3A), count = Short(library, 0x3C);
        for (int i = 0; i < count; i++)
        {
            int section = first + (i * size), start = (int)Long(library, section + 24), bytes = (int)Long(library, section + 32);
            int names = (int)Long(library, first + (Int(library, section + 40) * size) + 24);
            uint type = (uint)Int(library, section + 4);
            if (type == SymbolTable)
            {
                for (int entry = start; entry < start + bytes; entry += SymbolBytes)
                {
                    if (!Named(library, names + Int(library, entry), symbol))
                        continue;
                    library[entry + 4] = (byte)((library[entry + 4] & 0xF) | WeakBinding);
                    symbolFound = true;
                }
            }
            else if (type == NeededVersions)
            {
                versionFound |= MarkVersion(library, start, files: Int(library, section + 44), names, version);
            }
        }

        return symbolFound && versionFound;
    }

    private static bool MarkVersion(Span<byte> library, int start, int files, int names, string version)
    {
        bool found = false;
        for (int i = 0, file = start; i < files; i++, file += Int(library, file + 12))
        {
            for (int j = 0, entry = file + Int(library, file + 8); j < Short(library, file + 2); j++, entry += Int(library, entry + 12))
            {
                if (!Named(library, names + Int(library, entry + 8), version))
                    continue;
                library[entry + 4] |= WeakVersion;
                found = true;
            }
        }

        return found;
    }

    private static bool Named(ReadOnlySpan<byte> library, int place, string name)
    {
        ReadOnlySpan<byte> text = library[place..];
        return text.Length > name.Length && text[name.Length] == 0 && Encoding.ASCII.GetString(text[..name.Length]) == name;
    }

    private static long Long(ReadOnlySpan<byte> library, int place) => BinaryPrimitives.ReadInt64LittleEndian(library[place..]);

    private static int Int(ReadOnlySpan<byte> library, int place) => BinaryPrimitives.ReadInt32LittleEndian(library[place..]);

    private static int Short(ReadOnlySpan<byte> library, int place) => BinaryPrimitives.ReadUInt16LittleEndian(library[place..]);
}
