namespace TailorKV.Planner.Tests;

public sealed class AtomicFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tailorkv").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Writes_and_replaces()
    {
        string path = Path.Combine(_folder, "a.json");
        AtomicFile.WriteAllText(path, "one");
        AtomicFile.WriteAllText(path, "two");
        Assert.Equal("two", File.ReadAllText(path));
        Assert.Equal([path], Directory.GetFiles(_folder));
    }

    [Fact]
    public void Follows_a_link()
    {
        string target = Path.Combine(_folder, "target.json");
        string link = Path.Combine(_folder, "link.json");
        File.WriteAllText(target, "one");
        File.CreateSymbolicLink(link, target);
        AtomicFile.WriteAllText(link, "two");
        Assert.Equal("two", File.ReadAllText(target));
        Assert.Equal(target, new FileInfo(link).LinkTarget);
    }

    [Fact]
    public void Leaves_nothing_behind_when_it_fails()
    {
        string path = Path.Combine(_folder, "taken");
        Directory.CreateDirectory(path);
        Assert.Contains(path, Assert.Throws<InvalidFileException>(() => AtomicFile.WriteAllText(path, "one")).Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_folder));
        Assert.Throws<InvalidFileException>(() => AtomicFile.RequireWritable(path));
        Assert.Throws<InvalidFileException>(() => AtomicFile.RequireWritable(Path.Combine(_folder, "missing", "a.json")));
    }

    [Fact]
    public void Leaves_devices_alone()
    {
        if (OperatingSystem.IsWindows())
            return;
        AtomicFile.WriteAllText("/dev/null", "one");
        Assert.Equal(0, new FileInfo("/dev/null").Length);
        Assert.True(Path.Exists("/dev/null"));
    }
}
