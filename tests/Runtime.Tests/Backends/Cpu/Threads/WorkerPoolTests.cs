using TailorKV.Runtime.Backends.Cpu.Threads;

namespace TailorKV.Runtime.Tests.Backends.Cpu.Threads;

public sealed class WorkerPoolTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Does_every_part_once(int threads)
    {
        using WorkerPool pool = new(threads);
        Random random = new(threads);
        for (int round = 0; round < 3_000; round++)
        {
            int[] done = new int[random.Next(20)];
            pool.Run(done.Length, new Count(done));
            Assert.All(done, times => Assert.Equal(1, times));
            // Threads that have gone to sleep must wake for the next round.
            if (round % 500 == 0)
                Thread.Sleep(20);
        }
    }

    [Fact]
    public void Work_within_a_part_is_done_by_its_thread()
    {
        using WorkerPool pool = new(3);
        int[] done = new int[200];
        pool.Run(20, new Nested(pool, done));
        Assert.All(done, times => Assert.Equal(1, times));
    }

    [Fact]
    public void Several_callers_get_their_own_work_done()
    {
        using WorkerPool pool = new(3);
        Parallel.For(0, 500, new ParallelOptions { MaxDegreeOfParallelism = 4 }, _ =>
        {
            int[] done = new int[7];
            pool.Run(done.Length, new Count(done));
            Assert.All(done, times => Assert.Equal(1, times));
        });
    }

    [Fact]
    public void What_a_part_throws_reaches_the_caller_and_the_pool_goes_on()
    {
        using WorkerPool pool = new(3);
        for (int round = 0; round < 50; round++)
        {
            Assert.Throws<InvalidOperationException>(() => pool.Run(9, new Failing()));
            int[] done = new int[9];
            pool.Run(done.Length, new Count(done));
            Assert.All(done, times => Assert.Equal(1, times));
        }
    }

    /// <summary>A part may wait for all parts of stages before its own, also where one of those throws.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Parts_of_a_stage_come_after_those_of_the_one_before(int threads)
    {
        using WorkerPool pool = new(threads);
        Random random = new(threads);
        for (int round = 0; round < 1_000; round++)
        {
            int[] stages = [.. Enumerable.Range(0, random.Next(1, 7)).Select(_ => random.Next(8))], ended = new int[stages.Length];
            int fails = random.Next(4) == 0 ? random.Next(40) : -1;
            Staged work = new(stages, ended, fails);
            if (fails >= 0 && fails < stages.Sum())
            {
                Assert.Throws<InvalidOperationException>(() => pool.Run(stages, work));
                continue;
            }

            pool.Run(stages, work);
            Assert.Equal(stages, ended);
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => pool.Run([1, 1, 1, 1, 1, 1, 1], new Failing()));
    }

    /// <summary>While one caller hands out work without end, another's two parts wait for each other: on one thread they never would be done.</summary>
    [Fact]
    public void A_second_caller_has_all_threads_too()
    {
        using WorkerPool pool = new(2);
        using var begun = new ManualResetEventSlim();
        bool ends = false;
        var first = new Thread(() =>
        {
            while (!Volatile.Read(ref ends))
            {
                pool.Run(2, new Count(new int[2]));
                begun.Set();
            }
        });
        first.Start();
        begun.Wait(TestContext.Current.CancellationToken);
        for (int round = 0; round < 50; round++)
        {
            int[] met = [0];
            pool.Run(2, new Meeting(met, 2));
            Assert.Equal(2, met[0]);
        }

        Volatile.Write(ref ends, true);
        first.Join();
    }

    /// <summary>Four callers, each of whom comes while the first is at work; then the first comes again.</summary>
    [Fact]
    public void Callers_are_served_in_the_order_in_which_they_came()
    {
        using WorkerPool pool = new(2);
        using var gate = new ManualResetEventSlim();
        List<int> order = [];
        var first = new Thread(() =>
        {
            pool.Run(2, new Recording(order, 0, gate));
            pool.Run(2, new Recording(order, 9, gate));
        });
        first.Start();
        List<Thread> others = [];
        for (int caller = 1; caller <= 4; caller++)
        {
            AwaitCallers(pool, caller);
            int own = caller;
            others.Add(new Thread(() => pool.Run(2, new Recording(order, own, gate))));
            others[^1].Start();
        }

        AwaitCallers(pool, 5);
        gate.Set();
        first.Join();
        others.ForEach(thread => thread.Join());
        Assert.Equal([0, 1, 2, 3, 4, 9], order);
        Assert.Equal(0, pool.Callers);
    }

    [Fact]
    public void Allocates_nothing()
    {
        using WorkerPool pool = new(2);
        Count work = new(new int[4]);
        for (int i = 0; i < 100; i++)
            pool.Run(4, work);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
            pool.Run(4, work);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public void A_closed_pool_says_so()
    {
        WorkerPool pool = new(2);
        pool.Dispose();
        pool.Dispose();
        Assert.Throws<ObjectDisposedException>(() => pool.Run(1, new Failing()));
    }

    private readonly struct Count(int[] done) : IWork
    {
        public void Run(int part) => Interlocked.Increment(ref done[part]);
    }

    private readonly struct Nested(WorkerPool pool, int[] done) : IWork
    {
        public void Run(int part) => pool.Run(10, new Count10(done, part));
    }

    private readonly struct Count10(int[] done, int row) : IWork
    {
        public void Run(int part) => Interlocked.Increment(ref done[(row * 10) + part]);
    }

    private static void AwaitCallers(WorkerPool pool, int count) => Assert.True(SpinWait.SpinUntil(() => pool.Callers == count, TimeSpan.FromMinutes(1)));

    /// <summary>Each part ends when so many have begun.</summary>
    private readonly struct Meeting(int[] met, int all) : IWork
    {
        public void Run(int part)
        {
            (int[] count, int wanted) = (met, all);
            Interlocked.Increment(ref count[0]);
            Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref count[0]) == wanted, TimeSpan.FromMinutes(1)));
        }
    }

    private readonly struct Recording(List<int> order, int caller, ManualResetEventSlim gate) : IWork
    {
        public void Run(int part)
        {
            gate.Wait();
            if (part == 0)
                order.Add(caller);
        }
    }

    private readonly struct Failing : IWork
    {
        public void Run(int part) => throw new InvalidOperationException("as meant");
    }

    private readonly struct Staged(int[] stages, int[] ended, int fails) : IWork
    {
        public void Run(int part)
        {
            int stage = 0;
            for (int left = part; left >= stages[stage]; stage++)
                left -= stages[stage];
            try
            {
                for (int before = 0; before < stage; before++)
                    AwaitStage(before);
                if (part == fails)
                    throw new InvalidOperationException();
            }
            finally
            {
                Interlocked.Increment(ref ended[stage]);
            }
        }

        private void AwaitStage(int stage)
        {
            (int[] all, int[] done) = (stages, ended);
            Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref done[stage]) >= all[stage], TimeSpan.FromMinutes(1)));
        }
    }
}
