using System.CommandLine;
using TailorKV.Cli.Output;
using TailorKV.Runtime;
using TailorKV.Runtime.Backends;

namespace TailorKV.Cli.Commands;

/// <summary>A command of the tool.</summary>
internal abstract class ToolCommand : Command
{
    protected ToolCommand(string name, string description, Terminal terminal)
        : base(name, description)
    {
        Terminal = terminal;
        SetAction(Run);
    }

    protected Terminal Terminal { get; }

    /// <summary>Does the work.</summary>
    /// <returns>The exit code.</returns>
    protected abstract int Run(ParseResult parse);

    protected static bool WantsJson(ParseResult parse) => parse.GetValue<bool>("--json");

    /// <summary>Loads a model and says what was chosen or passed over in reading it.</summary>
    protected CausalLanguageModel LoadModel(string path, Backend backend)
    {
        var model = CausalLanguageModel.Load(path, backend);
        Terminal.Remarks(model.Remarks);
        return model;
    }

    /// <summary>The file to write: the one named, else the model's name with an ending, in the current folder.</summary>
    protected static string OutputPath(string? named, string modelName, string ending)
    {
        // The name may come from a file, and must not lead to another folder.
        string name = Path.GetFileName(modelName.Replace('\\', '/'));
        return named ?? (name is "" or "." or ".." ? "model" : name) + ending;
    }

    /// <summary>Says so on stderr where sessions can hold more tokens than the model was made for.</summary>
    /// <returns>What it said, for the result as JSON.</returns>
    protected IReadOnlyList<string> RemarkOnContext(int context, int modelContext)
    {
        if (context <= modelContext)
            return [];
        string remark = $"the model was made for {modelContext} tokens and the session can hold {context}: what it writes beyond the former may make no sense";
        Terminal.Remarks([remark]);
        return [remark];
    }

    /// <summary>Says so where losses were measured at a shorter context than the one planned for.</summary>
    protected void NoteContext(int measured, int tail, int planned)
    {
        if (planned > measured + tail)
            Terminal.Line($"Note: the losses were measured at {measured} tokens; at {planned} they may be larger.");
    }
}
