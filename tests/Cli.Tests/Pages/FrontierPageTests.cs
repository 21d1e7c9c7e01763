using System.Net;
using System.Text.RegularExpressions;
using TailorKV.Cli.Output;
using TailorKV.Cli.Pages;
using TailorKV.Cli.Results;
using TailorKV.Planner;
using TailorKV.Planner.Profiles;

namespace TailorKV.Cli.Tests.Pages;

public class FrontierPageTests(FrontierFixture small) : IClassFixture<FrontierFixture>
{
    private const string Hostile = "<img src=\"http://127.0.0.2/x\" onerror=alert(1)> & 'q' </script><script>alert(2)</script> {{data}} \u0001";

    [Fact]
    public async Task The_page_shows_the_plan_its_address_names_and_uses_no_network()
    {
        FrontierResult frontier = FrontierResult.From(small.Profile, small.ProfilePath, small.Plans);
        Browser browser = await Browser.Load(FrontierPage.Render(frontier), small.Folder, "3");
        Assert.Empty(browser.Console);
        Assert.Empty(browser.Requests);

        Assert.Equal(small.Plans.Count, browser.Count("<circle class=\"mark[^>]*data-key", "trade-off"));
        Assert.Equal(small.Plans.Count * small.Profile.Layers.Count, browser.Count("<rect class=\"cell", "layer-choices"));
        Assert.Equal("2", Regex.Match(browser.Part("trade-off"), "<circle class=\"mark selected\"[^>]*data-key=\"(?<key>\\d+)\"", RegexOptions.ExplicitCapture).Groups["key"].Value);
        Assert.Equal($"Plan 3 of {small.Plans.Count}", browser.Text("chosen"));
        Assert.Equal(frontier.Points[2].Command, browser.Text("command"));
        Assert.StartsWith(ByteSize.Format(frontier.Points[2].Cache.DeviceBytes), browser.Text("cache"), StringComparison.Ordinal);
        Assert.StartsWith(ByteSize.Format(frontier.Points[2].Device.TotalBytes), browser.Text("device"), StringComparison.Ordinal);
        Assert.StartsWith(Show.Loss(frontier.Points[2].PredictedLoss), browser.Text("loss"), StringComparison.Ordinal);

        string[] rows = [.. Regex.Matches(browser.Part("layers"), "<tr>(?<row>.*?)</tr>", RegexOptions.ExplicitCapture).Select(match => match.Groups["row"].Value)];
        Assert.Equal(frontier.Points[2].Layers.Count, rows.Length);
        Assert.All(frontier.Points[2].Layers, layer =>
        {
            Assert.Contains(layer.Mode, rows[layer.Index], StringComparison.Ordinal);
            Assert.Contains(WebUtility.HtmlEncode(layer.Choices), rows[layer.Index], StringComparison.Ordinal);
            Assert.Contains(ByteSize.Format(layer.DeviceBytes), rows[layer.Index], StringComparison.Ordinal);
            Assert.Contains(Show.Loss(layer.Loss), rows[layer.Index], StringComparison.Ordinal);
        });
    }

    [Fact]
    public async Task Arrow_keys_and_clicks_choose_a_plan()
    {
        const string Script = """
            <script>
            const seen = [];
            const press = key => { document.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true })); seen.push(location.hash); };
            for (const key of ['ArrowLeft', 'ArrowLeft', 'ArrowRight', 'ArrowRight', 'ArrowRight']) press(key);
            press('ArrowRight');
            document.querySelector('#trade-off [data-key="0"]').dispatchEvent(new MouseEvent('click', { bubbles: true }));
            seen.push(location.hash);
            press('ArrowLeft');
            document.getElementById('next').click();
            seen.push(location.hash);
            document.body.append(Object.assign(document.createElement('p'), { id: 'seen', textContent: seen.join(' ') }));
            </script></body>
            """;
        string html = FrontierPage.Render(FrontierResult.From(small.Profile, small.ProfilePath, small.Plans));
        // The page's policy would refuse the test's script too.
        html = Regex.Replace(html, "<meta http-equiv=[^>]*>", "").Replace("</body>", Script);
        Browser browser = await Browser.Load(html, small.Folder, $"{small.Plans.Count - 1}");
        Assert.Empty(browser.Console);
        int last = small.Plans.Count;
        Assert.Equal($"#{last - 2} #{last - 3} #{last - 2} #{last - 1} #{last} #{last} #1 #1 #2", browser.Text("seen"));
        Assert.Equal($"Plan 2 of {last}", browser.Text("chosen"));
    }

    [Fact]
    public async Task Names_times_and_baselines_are_shown_as_they_are()
    {
        ModelProfile profile = small.Profile with { Model = small.Profile.Model with { Name = Hostile }, Text = small.Profile.Text with { Source = Hostile } };
        FrontierResult frontier = FrontierResult.From(profile, "it's & \"mine\".json", small.Plans, [new FrontierResult.Reference(Hostile, 100_000, 0.5)]);
        frontier = frontier with { Points = [.. frontier.Points.Select((point, i) => point with { SecondsPerToken = 0.002 + (0.0001 * i) })] };
        Assert.StartsWith("tailorkv plan 'it'\\''s & \"mine\".json' --vram ", frontier.Points[0].Command, StringComparison.Ordinal);

        Browser browser = await Browser.Load(FrontierPage.Render(frontier), small.Folder, "1");
        Assert.Empty(browser.Console);
        Assert.Empty(browser.Requests);
        Assert.DoesNotContain("<img", browser.Document, StringComparison.Ordinal);
        Assert.Equal(2, Regex.Count(browser.Document, "<script"));
        Assert.Contains(Hostile[..Hostile.IndexOf('\u0001')], WebUtility.HtmlDecode(Regex.Match(browser.Document, "<h1>.*?</h1>", RegexOptions.Singleline).Value), StringComparison.Ordinal);
        Assert.Equal(frontier.Points[0].Command, browser.Text("command"));
        Assert.Contains("2.00 ms", browser.Text("time"), StringComparison.Ordinal);
        Assert.Equal(small.Plans.Count, browser.Count("<circle class=\"mark[^>]*data-key", "over-time"));
        Assert.Equal(2, Regex.Count(browser.Part("trade-off"), "<path class=\"mark\"[^>]*data-title"));
    }

    [Fact]
    public async Task One_plan_is_a_frontier_too()
    {
        Browser browser = await Browser.Load(FrontierPage.Render(FrontierResult.From(small.Profile, small.ProfilePath, [small.Plans[0]])), small.Folder, "9");
        Assert.Empty(browser.Console);
        Assert.Equal("Plan 1 of 1", browser.Text("chosen"));
        Assert.DoesNotContain("NaN", browser.Document[..browser.Document.IndexOf("<script", StringComparison.Ordinal)], StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_browser_tests_see_errors_requests_and_what_the_policy_refuses()
    {
        const string Faulty = """<img src="http://127.0.0.2/probe"><script>missing();</script>""";
        Browser open = await Browser.Load(Faulty, small.Folder);
        Assert.Contains(open.Console, line => line.Contains("missing is not defined", StringComparison.Ordinal));
        Assert.Equal(["http://127.0.0.2/probe"], open.Requests);

        string html = FrontierPage.Render(FrontierResult.From(small.Profile, small.ProfilePath, small.Plans));
        Browser closed = await Browser.Load(html.Replace("</body>", Faulty + "</body>"), small.Folder);
        Assert.Equal(2, closed.Console.Count(line => line.Contains("Content Security Policy", StringComparison.Ordinal)));
        Assert.Empty(closed.Requests);
    }

    [Fact]
    public void A_longer_context_than_measured_is_noted()
    {
        const string Note = "losses were measured at";
        Assert.DoesNotContain(Note, FrontierPage.Render(FrontierResult.From(small.Profile, small.ProfilePath, small.Plans)), StringComparison.Ordinal);
        ModelProfile shorter = small.Profile with { Context = small.Profile.Context - 1 };
        Assert.Contains(Note, FrontierPage.Render(FrontierResult.From(shorter, small.ProfilePath, small.Plans)), StringComparison.Ordinal);
    }
}
