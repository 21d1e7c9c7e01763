namespace TailorKV.Planner;

/// <summary>
/// The base of every error this library raises for a cause outside its code: a bad file, an impossible budget, a missing solver.
/// The message names what is wrong and where, and ends with the remedy. It is one line of at most 1,000 characters, whatever it quotes.
/// </summary>
public class TailorKVException : Exception
{
    private const int LongestMessage = 480;
    private const int LongestRemedy = 280;
    private const int LongestFile = 220;

    /// <summary>Creates the error.</summary>
    /// <param name="message">What is wrong, naming the value found; cut after 480 characters.</param>
    /// <param name="remedy">What the user can do about it.</param>
    /// <param name="file">The file concerned, where there is one.</param>
    /// <param name="inner">The cause, where there is one.</param>
    public TailorKVException(string message, string remedy, string? file = null, Exception? inner = null)
        : base(Compose(message, remedy, file), inner)
    {
        Remedy = remedy;
        File = file;
    }

    /// <summary>What the user can do about it.</summary>
    public string Remedy { get; }

    /// <summary>The file concerned, or null.</summary>
    public string? File { get; }

    private static string Compose(string message, string remedy, string? file)
    {
        string what = $"{PrintableText.Line(message, LongestMessage)}. {PrintableText.Line(remedy, LongestRemedy)}.";
        return file is null ? what : $"{PrintableText.Line(file, LongestFile)}: {what}";
    }
}
