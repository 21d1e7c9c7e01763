using System.CommandLine;

namespace TailorKV.Cli.Options;

/// <summary>An option that takes a whole number within bounds; null where it is not given.</summary>
internal sealed class CountOption : Option<int?>
{
    public CountOption(string name, string description, int least = 1, int most = int.MaxValue)
        : base(name)
    {
        Description = description;
        HelpName = "N";
        Validators.Add(result =>
        {
            if (result.Errors.Any() || result.Tokens.Count == 0)
                return;
            if (!int.TryParse(result.Tokens[0].Value, out int value) || value < least || value > most)
                result.AddError($"{name} takes a whole number {(most < int.MaxValue ? $"from {least} to {most}" : $"of {least} or more")}, not '{result.Tokens[0].Value}'.");
        });
    }
}
