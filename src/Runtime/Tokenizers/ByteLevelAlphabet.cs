using System.Text;

namespace TailorKV.Runtime.Tokenizers;

/// <summary>
/// The alphabet in which byte-level vocabularies write bytes: the printable characters of Latin-1 stand for themselves,
/// the other bytes, in order, for U+0100 onwards (GPT-2).
/// </summary>
internal static class ByteLevelAlphabet
{
    private static readonly char[] Letters = MakeLetters();
    private static readonly Dictionary<char, byte> Bytes = Enumerable.Range(0, 256).ToDictionary(value => Letters[value], value => (byte)value);

    public static char Letter(byte value) => Letters[value];

    /// <summary>The bytes a vocabulary entry stands for; an entry with letters outside the alphabet stands for its own UTF-8.</summary>
    public static byte[] Decode(string entry)
    {
        var bytes = new byte[entry.Length];
        for (int i = 0; i < entry.Length; i++)
        {
            if (!Bytes.TryGetValue(entry[i], out bytes[i]))
                return Encoding.UTF8.GetBytes(entry);
        }
        return bytes;
    }

    private static char[] MakeLetters()
    {
        var letters = new char[256];
        char next = '\u0100';
        for (int value = 0; value < 256; value++)
            letters[value] = value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or >= 0xAE ? (char)value : next++;
        return letters;
    }
}
