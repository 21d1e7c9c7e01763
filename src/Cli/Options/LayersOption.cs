using System.CommandLine;
using TailorKV.Planner.Profiles;

namespace TailorKV.Cli.Options;

/// <summary>An option that takes layers, as 0,7,20-22; null where it is not given.</summary>
internal sealed class LayersOption : Option<IReadOnlyList<int>?>
{
    public LayersOption(string name, string description)
        : base(name)
    {
        Description = description;
        HelpName = "N,N-N...";
        Arity = ArgumentArity.ExactlyOne;
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (LayerRanges.TryParse(text, out IReadOnlyList<int>? layers))
                return layers;
            result.AddError($"{name} takes layers from 0, and ranges of them, with commas between them, as in 0,7,20-22, not '{text}'.");
            return null;
        };
    }
}
