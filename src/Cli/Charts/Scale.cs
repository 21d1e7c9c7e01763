namespace TailorKV.Cli.Charts;

/// <summary>Where an axis has its values and its ticks.</summary>
internal sealed class Scale
{
    private const int MostDecadesWithSteps = 2;

    private readonly Axis _axis;
    private readonly double _from;
    private readonly double _to;

    /// <summary>Fits the axis to its values.</summary>
    /// <param name="axis">The axis.</param>
    /// <param name="values">All values to be shown; those that are not finite are passed over.</param>
    /// <param name="ticks">About how many ticks there is room for.</param>
    public Scale(Axis axis, IEnumerable<double> values, int ticks)
    {
        _axis = axis;
        double[] shown = [.. values.Concat([axis.From ?? double.NaN, axis.To ?? double.NaN])
            .Where(value => double.IsFinite(value) && (!axis.Logarithmic || value > 0)).Select(value => value / axis.Unit)];
        double least = shown.Length == 0 ? axis.Logarithmic ? 0.1 : 0 : shown.Min();
        double most = shown.Length == 0 ? 1 : shown.Max();
        if (axis.Logarithmic)
        {
            (_from, _to) = (axis.From / axis.Unit ?? Decade(least, Math.Floor), axis.To / axis.Unit ?? Decade(most, Math.Ceiling));
            if (_from == _to)
                _to *= 10;
            Ticks = LogarithmicTicks(ticks);
        }
        else
        {
            if (least == most)
                (least, most) = (axis.From / axis.Unit ?? (least - 1), axis.To / axis.Unit ?? (most + 1));
            double step = Math.Max(axis.LeastStep, RoundStep((most - least) / ticks));
            _from = axis.From / axis.Unit ?? (Math.Floor((least / step) + 1e-9) * step);
            _to = axis.To / axis.Unit ?? (Math.Ceiling((most / step) - 1e-9) * step);
            Ticks = axis.Names is { } names ? [.. names.Select((name, i) => ((double)i, name))] : LinearTicks(step);
        }
    }

    /// <summary>The ticks: the value, and its label with the unit.</summary>
    public IReadOnlyList<(double Value, string Label)> Ticks { get; }

    /// <summary>The values at the lower and the upper end.</summary>
    public (double From, double To) Range => (_from * _axis.Unit, _to * _axis.Unit);

    /// <summary>Where a value lies: 0 at the lower end of the axis, 1 at the upper.</summary>
    public double Position(double value)
    {
        value /= _axis.Unit;
        if (!_axis.Logarithmic)
            return (value - _from) / (_to - _from);
        return value <= _from ? 0 : Math.Log10(value / _from) / Math.Log10(_to / _from);
    }

    // The logarithm of a power of ten may come out a little beside the whole number.
    private static double Decade(double value, Func<double, double> round)
    {
        double exponent = Math.Log10(value);
        double nearest = Math.Round(exponent);
        return Math.Pow(10, Math.Abs(exponent - nearest) < 1e-9 ? nearest : round(exponent));
    }

    private static double RoundStep(double step)
    {
        double decade = Math.Pow(10, Math.Floor(Math.Log10(step)));
        return decade * (step / decade) switch { <= 1 => 1, <= 2 => 2, <= 5 => 5, _ => 10 };
    }

    private static string Number(double value) => value switch
    {
        0 => "0",
        >= 1e-4 and < 1e7 or <= -1e-4 and > -1e7 => $"{Math.Round(value, 10):0.##########}",
        _ => $"{value:0.##e+0}",
    };

    private List<(double Value, string Label)> LinearTicks(double step)
    {
        var ticks = new List<(double Value, string Label)>();
        for (double i = Math.Ceiling((_from / step) - 1e-9); i <= (_to / step) + 1e-9; i++)
            ticks.Add((i * step * _axis.Unit, Number(i * step) + _axis.Suffix));
        return ticks;
    }

    private List<(double Value, string Label)> LogarithmicTicks(int most)
    {
        int first = (int)Math.Floor(Math.Log10(_from) + 1e-9);
        int decades = (int)Math.Ceiling(Math.Log10(_to) - 1e-9) - first;
        int stride = Math.Max(1, (int)Math.Ceiling((double)decades / most));
        double[] steps = decades <= MostDecadesWithSteps ? [1, 2, 5] : [1];
        return [.. from decade in Enumerable.Range(0, decades + 1)
                   where decade % stride == 0
                   from step in steps
                   let value = step * Math.Pow(10, first + decade)
                   where value >= _from * (1 - 1e-9) && value <= _to * (1 + 1e-9)
                   select (value * _axis.Unit, Number(value) + _axis.Suffix)];
    }
}
