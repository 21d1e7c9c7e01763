using System.Diagnostics;
using System.Text.Json;

namespace TailorKV.Benchmarks.Speed;

/// <summary>llama.cpp's own benchmark, run as another program.</summary>
/// <param name="command">The program and its first arguments, the model's file among them, parted by spaces.</param>
internal sealed class LlamaBench(string command)
{
    /// <summary>Tokens per second of each repetition of decoding at a depth.</summary>
    /// <param name="type">The type of keys and values: f16, q8_0, q4_0.</param>
    /// <param name="threads">Threads.</param>
    /// <param name="depth">Tokens in the cache before the first is decoded.</param>
    /// <param name="generated">Tokens decoded.</param>
    /// <param name="repetitions">Repetitions.</param>
    /// <param name="cancellation">Ends the program.</param>
    public IReadOnlyList<double> Decode(string type, int threads, int depth, int generated, int repetitions, CancellationToken cancellation) =>
        Run(type, threads, ["-p", "0", "-n", $"{generated}", "-d", $"{depth}"], repetitions, cancellation);

    /// <summary>Tokens per second of each repetition of reading a prompt.</summary>
    /// <param name="type">The type of keys and values.</param>
    /// <param name="threads">Threads.</param>
    /// <param name="prompt">Tokens of the prompt.</param>
    /// <param name="repetitions">Repetitions.</param>
    /// <param name="cancellation">Ends the program.</param>
    public IReadOnlyList<double> Prefill(string type, int threads, int prompt, int repetitions, CancellationToken cancellation) =>
        Run(type, threads, ["-p", $"{prompt}", "-n", "0"], repetitions, cancellation);

    private List<double> Run(string type, int threads, string[] what, int repetitions, CancellationToken cancellation)
    {
        string[] words = command.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        string[] arguments = [.. words[1..], "-t", $"{threads}", "-fa", "1", "-ctk", type, "-ctv", type, .. what, "-r", $"{repetitions}", "-o", "json"];
        using Process process = Process.Start(new ProcessStartInfo(words[0], arguments) { RedirectStandardOutput = true, UseShellExecute = false })!;
        using CancellationTokenRegistration registration = cancellation.Register(() => process.Kill(entireProcessTree: true));
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        cancellation.ThrowIfCancellationRequested();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"\"{command}\" ended with {process.ExitCode}.");
        using JsonDocument document = JsonDocument.Parse(output);
        return [.. document.RootElement[0].GetProperty("samples_ts").EnumerateArray().Select(sample => sample.GetDouble())];
    }
}
