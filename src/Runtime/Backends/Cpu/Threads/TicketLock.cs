namespace TailorKV.Runtime.Backends.Cpu.Threads;

/// <summary>A fair lock: lets threads through one at a time, in the order in which they came.</summary>
internal sealed class TicketLock
{
    // A piece of work of a decoded token takes some tens of microseconds, and its threads need the processors more than one that waits.
    private const int SpinsBeforeSleep = 20;

    private readonly object _next = new();
    private int _taken;
    private int _served;
    private int _sleeping;

    /// <summary>Threads that hold the lock or wait for it.</summary>
    public int Count => Volatile.Read(ref _taken) - Volatile.Read(ref _served);

    /// <summary>Returns when all threads that came before have left.</summary>
    public void Enter()
    {
        int ticket = Interlocked.Increment(ref _taken) - 1;
        SpinWait spin = default;
        while (Volatile.Read(ref _served) != ticket)
        {
            if (spin.Count < SpinsBeforeSleep)
                spin.SpinOnce(sleep1Threshold: -1);
            else
                Sleep(ticket);
        }
    }

    /// <summary>Lets the next thread through.</summary>
    public void Exit()
    {
        Interlocked.Increment(ref _served);
        if (Volatile.Read(ref _sleeping) > 0)
        {
            lock (_next)
                Monitor.PulseAll(_next);
        }
    }

    private void Sleep(int ticket)
    {
        lock (_next)
        {
            // Counted first: a thread that leaves now either finds this one in the count, or is seen to have left.
            Interlocked.Increment(ref _sleeping);
            while (Volatile.Read(ref _served) != ticket)
                Monitor.Wait(_next);
            Interlocked.Decrement(ref _sleeping);
        }
    }
}
