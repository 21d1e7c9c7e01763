namespace TailorKV.Cli.Output;

/// <summary>Words of a command that is shown to be copied.</summary>
internal static class ShellWord
{
    /// <summary>A word as a shell reads it back.</summary>
    public static string Quoted(string word) =>
        word.Length > 0 && word.All(c => char.IsAsciiLetterOrDigit(c) || "/._-+,:@%".Contains(c, StringComparison.Ordinal)) ? word : $"'{word.Replace("'", @"'\''", StringComparison.Ordinal)}'";
}
