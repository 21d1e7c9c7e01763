namespace TailorKV.Runtime.Backends.Cpu.Threads;

/// <summary>Lets threads through one at a time, in the order in which they came.</summary>
internal sealed class Turns
{
    // A piece of work of a decoded token takes some tens of microseconds, and its threads need the processors more than one that waits.
    private const int SpinsBeforeSleep = 20;

    private readonly object _next = new();
    private int _taken;
    private int _ended;
    private int _sleeping;

    /// <summary>Turns that are under way or waited for.</summary>
    public int Taken => Volatile.Read(ref _taken) - Volatile.Read(ref _ended);

    /// <summary>Returns when all turns taken before have ended.</summary>
    public void Take()
    {
        int turn = Interlocked.Increment(ref _taken) - 1;
        SpinWait spin = default;
        while (Volatile.Read(ref _ended) != turn)
        {
            if (spin.Count < SpinsBeforeSleep)
                spin.SpinOnce(sleep1Threshold: -1);
            else
                Sleep(turn);
        }
    }

    /// <summary>Ends the turn of the thread whose it is.</summary>
    public void End()
    {
        Interlocked.Increment(ref _ended);
        if (Volatile.Read(ref _sleeping) > 0)
        {
            lock (_next)
                Monitor.PulseAll(_next);
        }
    }

    private void Sleep(int turn)
    {
        lock (_next)
        {
            // Counted first: a turn that ends now either finds this thread in the count, or is seen to have ended.
            Interlocked.Increment(ref _sleeping);
            while (Volatile.Read(ref _ended) != turn)
                Monitor.Wait(_next);
            Interlocked.Decrement(ref _sleeping);
        }
    }
}
