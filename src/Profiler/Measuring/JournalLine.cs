using System.Text.Json;

namespace TailorKV.Profiler.Measuring;

/// <summary>A line of a <see cref="MeasurementJournal"/>.</summary>
/// <param name="Step">The measurement; on the first line, what all are of.</param>
/// <param name="Result">What came out; null on the first line.</param>
internal sealed record JournalLine(string Step, JsonElement? Result = null);
