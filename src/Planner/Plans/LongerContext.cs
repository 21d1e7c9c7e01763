namespace TailorKV.Planner.Plans;

/// <summary>What to advise where a text does not fit into a context: a longer one only where the model was made for it.</summary>
public static class LongerContext
{
    /// <summary>The remedy of an error.</summary>
    /// <param name="shorten">What can be done in any case, as in "Shorten the prompt".</param>
    /// <param name="needed">Tokens that would do.</param>
    /// <param name="modelContext">Tokens the model was made for.</param>
    public static string Remedy(string shorten, long needed, int modelContext) => needed <= modelContext
        ? $"{shorten}, or make a plan for a longer context with 'tailorkv plan --context {needed}'"
        : $"{shorten}: the model was made for {modelContext} tokens";
}
