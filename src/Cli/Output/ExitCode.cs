namespace TailorKV.Cli.Output;

/// <summary>What the tool's process ends with.</summary>
internal static class ExitCode
{
    public const int Success = 0;
    public const int Failure = 1;
    public const int Usage = 2;
    public const int Cancelled = 130;

    /// <summary>What a shell reports of a process that SIGPIPE ended.</summary>
    public const int ReaderIsGone = 141;
}
