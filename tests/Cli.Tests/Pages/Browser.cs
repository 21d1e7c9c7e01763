using System.Diagnostics;
using System.Net;
using System.Text.RegularExpressions;

namespace TailorKV.Cli.Tests.Pages;

/// <summary>What a page became in headless Chromium.</summary>
/// <param name="Document">The document as the page's script left it.</param>
/// <param name="Console">What the browser's console said, errors and refusals of the page's policy included.</param>
/// <param name="Requests">The addresses that the page, and not the browser itself, asked the network for.</param>
internal sealed record Browser(string Document, IReadOnlyList<string> Console, IReadOnlyList<string> Requests)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>Loads a page; where Chromium is absent the test is skipped, and says so.</summary>
    /// <param name="html">The page.</param>
    /// <param name="folder">Where its file may lie.</param>
    /// <param name="fragment">What follows # in its address.</param>
    public static async Task<Browser> Load(string html, string folder, string fragment = "")
    {
        string? chromium = Find();
        Assert.SkipWhen(chromium is null, "chromium is not installed");
        string work = Directory.CreateDirectory(Path.Combine(folder, Path.GetRandomFileName())).FullName;
        string page = Path.Combine(work, "page.html");
        string requests = Path.Combine(work, "requests.json");
        await File.WriteAllTextAsync(page, html);

        var start = new ProcessStartInfo(chromium!) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in new[]
        {
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-dev-shm-usage", "--enable-logging=stderr", $"--user-data-dir={work}/data", $"--log-net-log={requests}",
            // A proxy where nobody answers: nothing leaves the machine, not even what the browser asks for on its own.
            "--proxy-server=http://127.0.0.1:9", "--proxy-bypass-list=<-loopback>", "--dump-dom", $"file://{page}#{fragment}",
        })
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start)!;
        Task<string> document = process.StandardOutput.ReadToEndAsync();
        Task<string> log = process.StandardError.ReadToEndAsync();
        using var limit = new CancellationTokenSource(Patience);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }

        string[] console = [.. (await log).Split('\n').Where(line => line.Contains(":CONSOLE", StringComparison.Ordinal))];
        return new Browser(await document, console, PageRequests(await File.ReadAllTextAsync(requests)));
    }

    /// <summary>What lies in the element with an id, up to the end of the first element of its kind in it.</summary>
    public string Part(string id) =>
        Regex.Match(Document, $"<(?<kind>\\w+)(?=[^>]* id=\"{id}\")[^>]*>(?<inside>.*?)</\\k<kind>>", RegexOptions.Singleline | RegexOptions.ExplicitCapture).Groups["inside"].Value;

    /// <summary>How often a pattern is found there.</summary>
    public int Count(string pattern, string id) => Regex.Count(Part(id), pattern);

    /// <summary>Its text.</summary>
    public string Text(string id) => WebUtility.HtmlDecode(Regex.Replace(Part(id), "<[^>]*>", ""));

    private static string? Find() =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Append("/usr/bin")
            .SelectMany(folder => new[] { "chromium", "chromium-browser", "google-chrome" }.Select(name => Path.Combine(folder, name)))
            .FirstOrDefault(File.Exists);

    // The browser's own requests have no page as their initiator.
    private static string[] PageRequests(string netLog) =>
        [.. Regex.Matches(netLog, "\"initiator\":\"(?!not an origin)[^\n]*\"url\":\"(?<url>[^\"]*)\"", RegexOptions.ExplicitCapture).Select(match => match.Groups["url"].Value)];
}
