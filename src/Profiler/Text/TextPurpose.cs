namespace TailorKV.Profiler.Text;

/// <summary>What a window of text is drawn for.</summary>
public enum TextPurpose
{
    /// <summary>Measuring a profile.</summary>
    Calibration,

    /// <summary>Judging a plan.</summary>
    Judgement,

    /// <summary>Asking for facts hidden in judgement text.</summary>
    Needles,
}
