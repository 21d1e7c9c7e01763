using System.Runtime.InteropServices;
using TailorKV.Cli;
using TailorKV.Cli.Output;

using var cancellation = new CancellationTokenSource();

// The first signal asks the work to stop; a second one ends the process as usual.
void Stop(PosixSignalContext context)
{
    context.Cancel = !cancellation.IsCancellationRequested;
    cancellation.Cancel();
}

using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
return Application.Run(args, new Terminal(cancellation.Token));
