using System.Runtime.InteropServices;
using System.Text;

namespace TailorKV.Quality;

/// <summary>A Markdown report that names the machine, the commit and the command.</summary>
internal sealed class Report
{
    private readonly StringBuilder _text = new();

    public Report(string command)
    {
        _text.AppendLine($"Command: `{command}`  ");
        _text.AppendLine($"Commit: {Git("rev-parse --short HEAD")}{(Git("status --porcelain -- src benchmarks").Length > 0 ? " with changes" : "")}  ");
        _text.AppendLine($"Machine: {Processor()}, {Environment.ProcessorCount} cores, {RuntimeInformation.OSDescription}, .NET {Environment.Version}");
    }

    private Report()
    {
    }

    public static Report Plain(string text)
    {
        var report = new Report();
        report._text.Append(text);
        return report;
    }

    public void Heading(string text) => _text.AppendLine().AppendLine($"## {text}").AppendLine();

    public void Paragraph(string text) => _text.AppendLine().AppendLine(text);

    public void Table(string[] header, IEnumerable<string[]> rows)
    {
        _text.AppendLine().AppendLine($"| {string.Join(" | ", header)} |").AppendLine($"| {string.Join(" | ", header.Select(_ => "---"))} |");
        foreach (string[] row in rows)
            _text.AppendLine($"| {string.Join(" | ", row)} |");
    }

    public void Write(string? path)
    {
        if (path is null)
            Console.Out.Write(_text);
        else
            File.WriteAllText(path, _text.ToString());
    }

    private static string Processor()
    {
        const string Info = "/proc/cpuinfo";
        string? line = File.Exists(Info) ? File.ReadLines(Info).FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal)) : null;
        string vectors = System.Runtime.Intrinsics.X86.Avx512F.IsSupported ? "AVX-512" : System.Runtime.Intrinsics.X86.Avx2.IsSupported ? "AVX2" : "no AVX2";
        return $"{line?.Split(':')[1].Trim() ?? RuntimeInformation.ProcessArchitecture.ToString()} ({vectors})";
    }

    private static string Git(string arguments)
    {
        try
        {
            using var git = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("git", arguments) { RedirectStandardOutput = true, UseShellExecute = false })!;
            return git.StandardOutput.ReadToEnd().Trim();
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "unknown";
        }
    }
}
