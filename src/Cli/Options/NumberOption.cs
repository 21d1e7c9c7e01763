using System.CommandLine;

namespace TailorKV.Cli.Options;

/// <summary>An option that takes a finite number; null where it is not given.</summary>
internal sealed class NumberOption : Option<double?>
{
    public NumberOption(string name, string helpName, string description, bool zeroAllowed)
        : base(name)
    {
        Description = description;
        HelpName = helpName;
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (double.TryParse(text, out double value) && double.IsFinite(value) && (value > 0 || (zeroAllowed && value == 0)))
                return value;
            result.AddError($"{name} takes a number {(zeroAllowed ? "of 0 or more" : "above 0")}, not '{text}'.");
            return null;
        };
    }
}
