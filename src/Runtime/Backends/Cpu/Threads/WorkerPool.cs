using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

namespace TailorKV.Runtime.Backends.Cpu.Threads;

/// <summary>
/// Threads that stay, for work of microseconds: a decoded token hands some hundred pieces of work out, one after another. Between pieces a thread spins for a while, waiting for
/// the next one, and then sleeps. Each thread takes parts of its own share first, the same from one time to the next, so that what it reads and writes again is
/// near to it; who is done with all takes from the others'. What a part computes must not depend on which thread takes it.
/// Callers on several threads take turns: each piece of work has all threads, and pieces are done in the order in which they came.
/// </summary>
internal sealed unsafe class WorkerPool : IDisposable
{
    /// <summary>Integers from one count of threads to the next: two cache lines, for processors fetch them by twos.</summary>
    public const int CountStride = 32;

    // Some tens of microseconds: longer than the serial stretches of a decoded token.
    private const int SpinsBeforeSleep = 2_000;
    private const int Closed = -1;
    private const int MostStages = 6;

    /// <summary>The pool whose work the thread is doing, if any: what a part hands out in its turn is done by the part's own thread.</summary>
    [ThreadStatic]
    private static WorkerPool? s_workingFor;

    private readonly Thread[] _threads;
    private readonly TicketLock _callers = new();
    private readonly int[] _stageEnds = new int[MostStages + 1];
    private readonly int[] _nextParts;
    private readonly int[] _joinedRounds;
    private readonly object _newRound = new();
    private delegate*<void*, int, void> _run;
    private void* _work;
    private int _stages;
    private int _shares;
    private ExceptionDispatchInfo? _failure;
    private int _round;
    private int _threadsInRound = Closed;
    private int _sleeping;
    private volatile bool _disposed;

    /// <summary>Starts the threads.</summary>
    /// <param name="threads">Threads that work at once, the caller's own among them.</param>
    /// <param name="begin">What each thread does first, told its number from 1; null for nothing.</param>
    public WorkerPool(int threads, Action<int>? begin = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        _threads = new Thread[threads - 1];
        _nextParts = new int[((MostStages * threads) + 1) * CountStride];
        _joinedRounds = new int[(threads + 1) * CountStride];
        for (int i = 0; i < _threads.Length; i++)
        {
            int share = i + 1;
            _threads[i] = new Thread(() => Serve(share, begin)) { IsBackground = true, Name = $"TailorKV worker {share}" };
            _threads[i].Start();
        }
    }

    /// <summary>Threads that work at once, the caller's own among them.</summary>
    public int Threads => _threads.Length + 1;

    /// <summary>Callers whose work is being done or waits for its turn.</summary>
    public int Callers => _callers.Count;

    /// <summary>
    /// Does all parts and returns when the last is done. Where the pool is at work for another caller, that piece of work is finished first, and those of callers who came before.
    /// What a part of the pool's work calls for is done by that part's thread. Allocates nothing.
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
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (parts < 2 || _threads.Length == 0 || s_workingFor == this)
        {
            for (int part = 0; part < parts; part++)
                work.Run(part);
            return;
        }

        WorkerPool? before = s_workingFor;
        _callers.Enter();
        s_workingFor = this;
        try
        {
            // The struct stays where it is on this thread's stack until all threads have left the round.
            RunRound(&RunPart<TWork>, Unsafe.AsPointer(ref work), stages, Math.Min(Threads, parts));
        }
        finally
        {
            s_workingFor = before;
            _callers.Exit();
        }
    }

    /// <summary>Ends the threads, after the work they are at.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        lock (_newRound)
            Monitor.PulseAll(_newRound);
        foreach (Thread thread in _threads)
            thread.Join();
    }

    private static void RunPart<TWork>(void* work, int part)
        where TWork : struct, IWork => Unsafe.AsRef<TWork>(work).Run(part);

    private void RunRound(delegate*<void*, int, void> run, void* work, ReadOnlySpan<int> stages, int shares)
    {
        _run = run;
        _work = work;
        _stages = stages.Length;
        _shares = shares;
        for (int stage = 0; stage < _stages; stage++)
        {
            _stageEnds[stage + 1] = _stageEnds[stage] + stages[stage];
            for (int share = 0; share < shares; share++)
                NextPart(stage, share) = FirstPart(stage, share);
        }

        _failure = null;
        Volatile.Write(ref _threadsInRound, 0);
        Volatile.Write(ref JoinedRound(0), Interlocked.Increment(ref _round));
        if (Volatile.Read(ref _sleeping) > 0)
        {
            lock (_newRound)
                Monitor.PulseAll(_newRound);
        }

        TakeParts(0);

        // A thread that has not woken by now finds the round closed: nobody waits for it.
        SpinWait spin = default;
        while (Interlocked.CompareExchange(ref _threadsInRound, Closed, 0) != 0)
            spin.SpinOnce(sleep1Threshold: -1);
        _failure?.Throw();
    }

    /// <summary>
    /// Takes the parts of a thread's own share, a stage after another, and of the shares of those that have not joined the round: whoever has takes its own before it leaves, and has them near to it.
    /// Of the last stage it takes what is left of all.
    /// </summary>
    private void TakeParts(int own)
    {
        for (int stage = 0; stage < _stages; stage++)
        {
            for (int i = 0; i < _shares; i++)
            {
                int share = (own + i) % _shares;
                while ((i == 0 || stage == _stages - 1 || Volatile.Read(ref JoinedRound(share)) != Volatile.Read(ref _round)) && TakePart(stage, share))
                {
                }
            }
        }
    }

    private bool TakePart(int stage, int share)
    {
        ref int next = ref NextPart(stage, share);
        int part, end = FirstPart(stage, share + 1);
        // Looked at first, for what others count is far away.
        if (Volatile.Read(ref next) >= end || (part = Interlocked.Increment(ref next) - 1) >= end)
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

    private int FirstPart(int stage, int share) => _stageEnds[stage] + (int)((long)(_stageEnds[stage + 1] - _stageEnds[stage]) * share / _shares);

    private ref int NextPart(int stage, int share) => ref _nextParts[((stage * Threads) + share + 1) * CountStride];

    /// <summary>The last round that the thread of a share has joined.</summary>
    private ref int JoinedRound(int share) => ref _joinedRounds[(share + 1) * CountStride];

    private void Serve(int share, Action<int>? begin)
    {
        begin?.Invoke(share);
        s_workingFor = this;
        int seen = 0;
        while (true)
        {
            AwaitRound(seen);
            if (_disposed)
                return;
            seen = Volatile.Read(ref _round);
            if (!TryJoinRound())
                continue;
            Volatile.Write(ref JoinedRound(share), seen);
            TakeParts(share);
            Interlocked.Decrement(ref _threadsInRound);
        }
    }

    /// <summary>Returns when there is another round than the one seen last, or the pool ends.</summary>
    private void AwaitRound(int seen)
    {
        for (int spin = 0; spin < SpinsBeforeSleep; spin++)
        {
            if (Volatile.Read(ref _round) != seen || _disposed)
                return;
            Thread.SpinWait(4);
        }

        lock (_newRound)
        {
            // Counted first: a round that begins now either finds this thread in the count, or is found by it.
            Interlocked.Increment(ref _sleeping);
            while (Volatile.Read(ref _round) == seen && !_disposed)
                Monitor.Wait(_newRound);
            Interlocked.Decrement(ref _sleeping);
        }
    }

    private bool TryJoinRound()
    {
        int inside = Volatile.Read(ref _threadsInRound);
        while (inside != Closed)
        {
            int before = Interlocked.CompareExchange(ref _threadsInRound, inside + 1, inside);
            if (before == inside)
                return true;
            inside = before;
        }

        return false;
    }
}
