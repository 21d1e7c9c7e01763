using System.CommandLine;

namespace TailorKV.Cli.Options;

/// <summary>An option that takes whole numbers within bounds, with commas between them; empty where it is not given.</summary>
internal sealed class CountsOption : Option<int[]>
{
    public CountsOption(string name, string description, int least = 1, int most = int.MaxValue)
        : base(name)
    {
        Description = description;
        HelpName = "N,N...";
        Arity = ArgumentArity.ExactlyOne;
        DefaultValueFactory = _ => [];
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            var counts = new List<int>();
            foreach (string part in text.Split(','))
            {
                if (int.TryParse(part, out int count) && count >= least && count <= most)
                {
                    counts.Add(count);
                    continue;
                }

                string range = most == int.MaxValue ? $"of {least} or more" : $"from {least} to {most}";
                result.AddError($"{name} takes whole numbers {range} with commas between them, not '{text}'.");
                return [];
            }

            return [.. counts.Distinct()];
        };
    }
}
