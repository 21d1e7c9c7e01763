using System.CommandLine;
using TailorKV.Cli.Output;
using TailorKV.Runtime;

namespace TailorKV.Benchmarks.Speed;

/// <summary>The command line of <see cref="DecodeByContext"/>.</summary>
internal sealed class ContextsCommand : RootCommand
{
    private static readonly int[] Contexts = [1024, 2048, 4096, 8192, 16384, 32768];

    private readonly Argument<string> _model = new("MODEL");
    private readonly Option<string?> _llamaBench = new("--llama-bench")
    {
        Description = "llama-bench with its -m, words parted by spaces: its caches are measured among ours.",
        HelpName = "COMMAND",
    };
    private readonly Option<int[]> _contexts = new("--contexts")
    {
        Description = "Tokens of context, ascending, parted by commas.",
        HelpName = "N,N,...",
        CustomParser = result =>
        {
            int[] contexts = [.. result.Tokens[0].Value.Split(',').Select(word => int.TryParse(word, out int context) ? context : 0)];
            if (contexts.Any(context => context <= DecodeByContext.LeastContext) || !contexts.SequenceEqual(contexts.Distinct().Order()))
                result.AddError($"--contexts takes whole numbers above {DecodeByContext.LeastContext}, ascending, parted by commas.");
            return contexts;
        },
        DefaultValueFactory = _ => Contexts,
    };
    private readonly Option<int> _longestOfLlama = new("--llama-contexts") { Description = "The longest context that llama.cpp is measured at.", HelpName = "N", DefaultValueFactory = _ => int.MaxValue };
    private readonly Option<int> _rounds = new("--rounds") { Description = "Times that all caches are measured at a context, one after another.", DefaultValueFactory = _ => 2 };
    private readonly Option<string> _out = new("--out") { Description = "The folder to write to.", HelpName = "FOLDER", DefaultValueFactory = _ => Path.Combine("benchmarks", "results") };

    public ContextsCommand()
        : base("Times decoding at several contexts, with the layers kept in each way: a table and a plot, decode-by-context.md and .svg.")
    {
        Add(_model);
        foreach (Option option in new Option[] { _llamaBench, _longestOfLlama, _contexts, _rounds, _out })
            Add(option);
        SetAction((parse, cancellation) =>
        {
            string command = "dotnet run -c Release --project benchmarks -- contexts " + string.Join(' ', parse.Tokens.Select(token => ShellWord.Quoted(token.Value)));
            using CausalLanguageModel model = CausalLanguageModel.Load(parse.GetValue(_model)!);
            LlamaBench? llama = parse.GetValue(_llamaBench) is { } words ? new LlamaBench(words) : null;
            new DecodeByContext(model, llama, parse.GetValue(_contexts)!, parse.GetValue(_longestOfLlama), Math.Max(1, parse.GetValue(_rounds)), cancellation).Run(command, parse.GetValue(_out)!);
            return Task.CompletedTask;
        });
    }
}
