namespace TailorKV.Profiler.Measuring;

/// <summary>What a profile's time goes into.</summary>
public enum ProfilePhase
{
    /// <summary>All but what follows.</summary>
    Other,

    /// <summary>Drawing windows, or sampling them from the model.</summary>
    Text,

    /// <summary>Reading each window exactly.</summary>
    ExactPass,

    /// <summary>How the loss follows each layer's keys and values.</summary>
    Gradients,

    /// <summary>Dense-preference scores and recall curves.</summary>
    Attention,

    /// <summary>The output error of every option.</summary>
    Screening,

    /// <summary>The loss of the options that remain, and of other weights.</summary>
    Losses,
}
