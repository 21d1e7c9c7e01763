using Spectre.Console;
using TailorKV.Profiler;

namespace TailorKV.Cli.Output;

/// <summary>One bar a step; a step's first report ends the bar of the one before.</summary>
internal sealed class ProgressBars(ProgressContext context) : IProgress<WorkProgress>
{
    private string? _step;
    private ProgressTask? _bar;

    /// <inheritdoc/>
    public void Report(WorkProgress value)
    {
        if (value.Step != _step)
        {
            if (_bar is not null)
            {
                _bar.Value = _bar.MaxValue;
                _bar.StopTask();
            }

            _step = value.Step;
            _bar = context.AddTask(Markup.Escape(value.Step), maxValue: 1);
        }

        _bar!.Value = value.Share;
    }
}
