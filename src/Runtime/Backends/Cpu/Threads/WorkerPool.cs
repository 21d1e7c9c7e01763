using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

namespace TailorKV.Runtime.Backends.Cpu.Threads;

/// <summary>
/// Threads that stay, for work of microseconds: a decoded token hands some hundred pieces of work out, one after another. Between pieces a thread watches for the
/// next one for a while and then sleeps. Each thread takes parts of its own share first, the same from one time to the next, so that what it reads and writes again is
/// near to it; who is done with all takes from the others'. What a part computes must not depend on which thread takes it.
/// </summary>
public sealed unsafe class WorkerPool : IDisposable
{
    // Some tens of microseconds: longer than the serial stretches of a decoded token.
    private const int Watches = 2_000;
    private const int Closed = -1;

    private const int MostStages = 6;

    /// <summary>Integers from one count of threads to the next: two cache lines, for processors fetch them by twos.</summary>
    internal const int Apart = 32;

    private readonly Thread[] _threads;
    private readonly int[] _stageEnds = new int[MostStages + 1];
    private readonly int[] _taken;
    private readonly int[] _come;
    private readonly object _bed = new();
    private readonly Lock _user = new();
    private delegate*<void*, int, void> _run;
    private void* _work;
    private int _stages;
    private int _shares;
    private ExceptionDispatchInfo? _failure;
    private int _round;
    private int _inside = Closed;
    private int _sleeping;
    private volatile bool _ends;

    /// <summary>Starts the threads.</summary>
    /// <param name="threads">Threads that work at once, the caller's own among them.</param>
    public WorkerPool(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        _threads = new Thread[threads - 1];
        _taken = new int[((MostStages * threads) + 1) * Apart];
        _come = new int[(threads + 1) * Apart];
        for (int i = 0; i < _threads.Length; i++)
        {
            int share = i + 1;
            _threads[i] = new Thread(() => Serve(share)) { IsBackground = true, Name = $"TailorKV worker {i + 1}" };
            _threads[i].Start();
        }
    }

    /// <summary>The pool of the process: a thread for each core that .NET may use (the variable DOTNET_PROCESSOR_COUNT sets another number).</summary>
    public static WorkerPool Shared { get; } = new(Environment.ProcessorCount);

    /// <summary>Threads that work at once, the caller's own among them.</summary>
    public int Threads => _threads.Length + 1;

    /// <summary>
    /// Does all parts and returns when the last is done. Where the pool is at work already, for another caller or for the part that calls, the caller's thread does all
    /// of them. Allocates nothing.
    /// </summary>
    /// <param name="parts">How many parts there are.</param>
    /// <param name="work">The work.</param>
    /// <exception cref="ObjectDisposedException">The pool has been closed.</exception>
    public void Run<TWork>(int parts, TWork work)
        where TWork : struct, IWork => Run([parts], work);

    /// <summary>
    /// The same in stages. A part may wait for those of stages before its own: each has been begun, or is among the next that a thread at work will begin, and all are done even if one
    /// throws. Parts of the same place in stages of equal size are done by the same thread, but for those of the last stage that another has time for.
    /// </summary>
    /// <param name="stages">The parts of each stage; six stages at most. Parts are numbered through.</param>
    /// <param name="work">The work.</param>
    /// <exception cref="ObjectDisposedException">The pool has been closed.</exception>
    public void Run<TWork>(ReadOnlySpan<int> stages, TWork work)
        where TWork : struct, IWork
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(stages.Length, MostStages, nameof(stages));
        int parts = 0;
        foreach (int ofStage in stages)
            parts += ofStage;
        ObjectDisposedException.ThrowIf(_ends, this);
        if (parts < 2 || _threads.Length == 0 || _inside != Closed || !_user.TryEnter())
        {
            for (int part = 0; part < parts; part++)
                work.Run(part);
            return;
        }

        try
        {
            // The struct stays where it is on this thread's stack until all threads have left the round.
            Share(&RunPart<TWork>, Unsafe.AsPointer(ref work), stages, Math.Min(Threads, parts));
        }
        finally
        {
            _user.Exit();
        }
    }

    /// <summary>Ends the threads.</summary>
    public void Dispose()
    {
        if (_ends)
            return;
        _ends = true;
        lock (_bed)
            Monitor.PulseAll(_bed);
        foreach (Thread thread in _threads)
            thread.Join();
    }

    private static void RunPart<TWork>(void* work, int part)
        where TWork : struct, IWork => Unsafe.AsRef<TWork>(work).Run(part);

    private void Share(delegate*<void*, int, void> run, void* work, ReadOnlySpan<int> stages, int shares)
    {
        _run = run;
        _work = work;
        _stages = stages.Length;
        _shares = shares;
        for (int stage = 0; stage < _stages; stage++)
        {
            _stageEnds[stage + 1] = _stageEnds[stage] + stages[stage];
            for (int share = 0; share < shares; share++)
                Taken(stage, share) = FirstOf(stage, share);
        }

        _failure = null;
        Volatile.Write(ref _inside, 0);
        Volatile.Write(ref Come(0), Interlocked.Increment(ref _round));
        if (Volatile.Read(ref _sleeping) > 0)
        {
            lock (_bed)
                Monitor.PulseAll(_bed);
        }

        TakeParts(0);

        // A thread that has not woken by now finds the round closed: nobody waits for it.
        SpinWait spin = default;
        while (Interlocked.CompareExchange(ref _inside, Closed, 0) != 0)
            spin.SpinOnce(sleep1Threshold: -1);
        _failure?.Throw();
    }

    /// <summary>
    /// Takes the parts of a thread's own share, a stage after another, and of the shares of those that have not come: whoever has come takes its own before it leaves, and has them near to it.
    /// Of the last stage it takes what is left of all.
    /// </summary>
    private void TakeParts(int own)
    {
        for (int stage = 0; stage < _stages; stage++)
        {
            for (int i = 0; i < _shares; i++)
            {
                int share = (own + i) % _shares;
                while ((i == 0 || stage == _stages - 1 || Volatile.Read(ref Come(share)) != Volatile.Read(ref _round)) && TakePart(stage, share))
                {
                }
            }
        }
    }

    private bool TakePart(int stage, int share)
    {
        ref int taken = ref Taken(stage, share);
        int part, end = FirstOf(stage, share + 1);
        // Looked at first, for what others count is far away.
        if (Volatile.Read(ref taken) >= end || (part = Interlocked.Increment(ref taken) - 1) >= end)
            return false;
        try
        {
            _run(_work, part);
        }
#pragma warning disable CA1031 // Whatever a part throws is thrown to the caller of Run, the first of several, when all others are done: some may wait for others.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            Interlocked.CompareExchange(ref _failure, ExceptionDispatchInfo.Capture(exception), null);
        }

        return true;
    }

    private int FirstOf(int stage, int share) => _stageEnds[stage] + (int)((long)(_stageEnds[stage + 1] - _stageEnds[stage]) * share / _shares);

    private ref int Taken(int stage, int share) => ref _taken[((stage * Threads) + share + 1) * Apart];

    /// <summary>The round that the thread of a share has come to last.</summary>
    private ref int Come(int share) => ref _come[(share + 1) * Apart];

    private void Serve(int share)
    {
        int seen = 0;
        while (true)
        {
            Await(seen);
            if (_ends)
                return;
            seen = Volatile.Read(ref _round);
            if (!TryEnterRound())
                continue;
            Volatile.Write(ref Come(share), seen);
            TakeParts(share);
            Interlocked.Decrement(ref _inside);
        }
    }

    /// <summary>Returns when there is another round than the one seen last, or the pool ends.</summary>
    private void Await(int seen)
    {
        for (int watch = 0; watch < Watches; watch++)
        {
            if (Volatile.Read(ref _round) != seen || _ends)
                return;
            Thread.SpinWait(4);
        }

        lock (_bed)
        {
            // Counted first: a round that begins now either finds this thread in the count, or is found by it.
            Interlocked.Increment(ref _sleeping);
            while (Volatile.Read(ref _round) == seen && !_ends)
                Monitor.Wait(_bed);
            Interlocked.Decrement(ref _sleeping);
        }
    }

    private bool TryEnterRound()
    {
        int inside = Volatile.Read(ref _inside);
        while (inside != Closed)
        {
            int before = Interlocked.CompareExchange(ref _inside, inside + 1, inside);
            if (before == inside)
                return true;
            inside = before;
        }

        return false;
    }
}
