using System.Diagnostics.Tracing;
using BenchmarkDotNet.Analysers;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Engines;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Validators;

namespace TailorKV.Benchmarks.Kernels;

/// <summary>
/// Measures the ceilings right before each iteration, after what sets it up. It listens to BenchmarkDotNet's events, which the iterations' own thread raises before the
/// clock starts: unlike an iteration's setup they leave it any number of invocations.
/// </summary>
internal sealed class CeilingDiagnoser : EventListener, IDiagnoser
{
    private static readonly Dictionary<BenchmarkCase, List<Ceilings>> Measured = [];

    private CeilingMeter? _meter;
    private List<Ceilings> _ceilings = [];

    public IEnumerable<string> Ids => [nameof(CeilingDiagnoser)];

    public IEnumerable<IExporter> Exporters => [];

    public IEnumerable<IAnalyser> Analysers => [];

    /// <summary>The ceilings before each iteration that counts, in order.</summary>
    public static IReadOnlyList<Ceilings> Of(BenchmarkCase benchmark) => Measured.GetValueOrDefault(benchmark, []);

    public RunMode GetRunMode(BenchmarkCase benchmarkCase) => RunMode.NoOverhead;

    public void Handle(HostSignal signal, DiagnoserActionParameters parameters)
    {
        if (signal == HostSignal.BeforeAnythingElse)
        {
            KernelWork work = KernelWork.Of(parameters.BenchmarkCase);
            _meter = new CeilingMeter(work.Bytes, work.Threads);
            Measured[parameters.BenchmarkCase] = _ceilings = [];
        }
        else if (signal == HostSignal.AfterAll)
        {
            _meter?.Dispose();
            _meter = null;
        }
    }

    public IEnumerable<Metric> ProcessResults(DiagnoserResults results) => [];

    public void DisplayResults(ILogger logger)
    {
    }

    public IEnumerable<ValidationError> Validate(ValidationParameters validationParameters) => [];

    protected override void OnEventSourceCreated(EventSource eventSource)
    {
        if (eventSource.Name == EngineEventSource.SourceName)
            EnableEvents(eventSource, EventLevel.Informational);
    }

    protected override void OnEventWritten(EventWrittenEventArgs eventData)
    {
        // Those of warming up leave the just-in-time compiler nothing to do later.
        if (_meter is null || eventData.EventId is not (EngineEventSource.WorkloadWarmupStartEventId or EngineEventSource.WorkloadActualStartEventId))
            return;
        Ceilings ceilings = _meter.Measure();
        if (eventData.EventId == EngineEventSource.WorkloadActualStartEventId)
            _ceilings.Add(ceilings);
    }
}
