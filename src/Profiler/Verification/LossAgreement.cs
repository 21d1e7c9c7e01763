namespace TailorKV.Profiler.Verification;

/// <summary>How a plan's measured loss stands to the predicted one.</summary>
public enum LossAgreement
{
    /// <summary>They differ by no more than two standard errors.</summary>
    Within,

    /// <summary>More was lost than predicted.</summary>
    Above,

    /// <summary>Less was lost than predicted.</summary>
    Below,
}
