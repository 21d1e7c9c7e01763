using System.CommandLine;
using TailorKV.Cli.Output;
using TailorKV.Planner.Plans;
using TailorKV.Runtime;

namespace TailorKV.Benchmarks.Speed;

/// <summary>The command line of <see cref="BesideLlama"/>.</summary>
internal sealed class BesideCommand : RootCommand
{
    private readonly Argument<string> _model = new("MODEL");
    private readonly Option<string> _llamaBench = new("--llama-bench")
    {
        Description = "llama-bench with its -m, words parted by spaces.",
        HelpName = "COMMAND",
        Required = true,
    };
    private readonly Option<string[]> _plans = new("--plan") { Description = "A plan to decode by too, of a context of more than the deepest; any number of times.", HelpName = "PLAN", DefaultValueFactory = _ => [] };
    private readonly Option<int> _rounds = new("--rounds") { Description = "Times that all are measured, one after another.", DefaultValueFactory = _ => 2 };
    private readonly Option<string> _out = new("--out") { Description = "The file to write.", HelpName = "FILE", DefaultValueFactory = _ => Path.Combine("benchmarks", "results", "beside-llama-cpp.md") };

    public BesideCommand()
        : base("Times decoding and reading prompts beside llama.cpp, in turns, and gives the ratios.")
    {
        Add(_model);
        foreach (Option option in new Option[] { _llamaBench, _plans, _rounds, _out })
            Add(option);
        SetAction((parse, cancellation) =>
        {
            string command = "dotnet run -c Release --project benchmarks -- beside " + string.Join(' ', parse.Tokens.Select(token => ShellWord.Quoted(token.Value)));
            using CausalLanguageModel model = CausalLanguageModel.Load(parse.GetValue(_model)!);
            (string, Plan)[] plans = [.. parse.GetValue(_plans)!.Select(path => (Path.GetFileName(path), Plan.Load(path)))];
            new BesideLlama(model, new LlamaBench(parse.GetValue(_llamaBench)!), plans, Math.Max(1, parse.GetValue(_rounds)), cancellation).Run(command, parse.GetValue(_out)!);
            return Task.CompletedTask;
        });
    }
}
