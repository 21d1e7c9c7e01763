namespace TailorKV.Cli.Output;

/// <summary>Nothing more can be written to stdout.</summary>
/// <param name="reason">Why, in a few words.</param>
/// <param name="readerIsGone">Whether its reader has ended, as after <c>| head</c>.</param>
internal sealed class OutputException(string reason, bool readerIsGone) : Exception(reason)
{
    public bool ReaderIsGone { get; } = readerIsGone;
}
