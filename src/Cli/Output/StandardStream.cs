using System.Runtime.InteropServices;

namespace TailorKV.Cli.Output;

/// <summary>
/// stdout or stderr where it is no terminal. The console's own stream goes on as if all were written when the reader of a pipe has gone, so a long text would be
/// generated for nobody; and where the descriptor was closed from the start, it writes into whatever file the runtime has opened under its number.
/// </summary>
internal sealed partial class StandardStream : Stream
{
    public const int Input = 0;
    public const int Output = 1;
    public const int Error = 2;

    private const int BrokenPipe = 32;
    private const int Interrupted = 4;

    private readonly int _descriptor;
    private readonly bool _isOpen;

    private StandardStream(int descriptor) => (_descriptor, _isOpen) = (descriptor, IsOpen(descriptor));

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Whether the process was started with the descriptor open.</summary>
    public static bool IsOpen(int descriptor)
    {
        const int GetFlags = 1, CloseOnExec = 1;
        // What was inherited is never closed by exec; what the runtime opens itself always is.
        return OperatingSystem.IsWindows() || (Control(descriptor, GetFlags) is >= 0 and var flags && (flags & CloseOnExec) == 0);
    }

    /// <summary>A writer to stdout that throws <see cref="OutputException"/>, or to stderr, where what cannot be written is lost: there is nobody left to tell.</summary>
    public static TextWriter Open(int descriptor)
    {
        Stream stream = !OperatingSystem.IsWindows() ? new StandardStream(descriptor) : descriptor == Output ? Console.OpenStandardOutput() : Console.OpenStandardError();
        return new StreamWriter(stream) { AutoFlush = true };
    }

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override unsafe void Write(ReadOnlySpan<byte> buffer)
    {
        if (!_isOpen)
        {
            Fail("it is closed", false);
            return;
        }

        while (buffer.Length > 0)
        {
            nint written;
            fixed (byte* start = buffer)
                written = Write(_descriptor, start, buffer.Length);
            int error = Marshal.GetLastPInvokeError();
            if (written >= 0)
            {
                buffer = buffer[(int)written..];
            }
            else if (error == TryAgain)
            {
                Thread.Sleep(1);
            }
            else if (error != Interrupted)
            {
                Fail(Marshal.GetPInvokeErrorMessage(error), error == BrokenPipe);
                return;
            }
        }
    }

    private void Fail(string reason, bool readerIsGone)
    {
        if (_descriptor == Output)
            throw new OutputException(reason, readerIsGone);
    }

    private static int TryAgain => OperatingSystem.IsLinux() ? 11 : 35;

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static unsafe partial nint Write(int descriptor, byte* bytes, nint count);

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int Control(int descriptor, int command);
}
