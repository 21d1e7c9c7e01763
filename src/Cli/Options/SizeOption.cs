using System.CommandLine;
using TailorKV.Planner;

namespace TailorKV.Cli.Options;

/// <summary>An option that takes memory limits: 24GiB, 512MiB, or 25% of the full KV cache.</summary>
internal sealed class SizeOption : Option<SizeLimit[]>
{
    public SizeOption(string name, string description)
        : base(name)
    {
        Description = description;
        HelpName = "SIZE";
        CustomParser = result =>
        {
            try
            {
                return [.. result.Tokens.Select(token => SizeLimit.Parse(token.Value))];
            }
            catch (TailorKVException e)
            {
                result.AddError($"{name}: {e.Message}");
                return [];
            }
        };
    }
}
