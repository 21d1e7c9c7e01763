using System.CommandLine;

namespace TailorKV.Cli.Options;

/// <summary>Arguments and options that several commands take.</summary>
internal static class SharedArguments
{
    public static Argument<string> Model() => new("MODEL") { Description = "A Hugging Face folder (config.json, safetensors, tokenizer.json), or a GGUF file or its folder." };

    public static Argument<string> Profile() => new("PROFILE") { Description = "A profile that 'tailorkv profile' wrote." };

    public static Argument<string> Plan() => new("PLAN") { Description = "A plan that 'tailorkv plan' wrote." };

    public static Option<string[]> Text() => new("--text")
    {
        Description = "Text to measure on, UTF-8. May be given several times: windows are drawn from all files in turn. Default: text.txt beside the model, else text sampled from the model itself.",
        HelpName = "FILE",
        Arity = ArgumentArity.OneOrMore,
        DefaultValueFactory = _ => [],
    };

    public static Option<string?> Out(string byDefault) => new("--out") { Description = $"The file to write. Default: {byDefault} in the current folder.", HelpName = "FILE" };

    public static CountOption Tail() => new("--tail", "Tokens decoded and judged after the context of each window. Default: 64.");

    public static CountOption Windows() => new("--windows", "Windows of text. Default: as many as make about 8,192 tokens, 1 to 4.");

    public static CountOption Seed(string draws) => new("--seed", $"Draws {draws}; the same seed draws the same. Default: 1.", least: 0);
}
