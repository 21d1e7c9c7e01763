using System.Buffers.Binary;
using System.Security.Cryptography;

namespace TailorKV.Cuda.Compiling;

/// <summary>
/// Compiled kernels on disk: a file for each key, which stands for everything that an image depends on. A file begins with a word of ours, the key, and the SHA-256 of the image that follows; what is not so is
/// of somebody else, or torn, and counts as absent. Files are written beside their place and moved there, so that nobody reads half of one.
/// </summary>
/// <param name="folder">Where they lie; made when the first is written.</param>
internal sealed class ImageCache(string folder)
{
    private const ulong Magic = 0x314B_5641_444B_5401;
    private const int Header = sizeof(ulong) + (2 * SHA256.HashSizeInBytes);

    /// <summary>The variable that names another folder than the user's cache.</summary>
    public const string Variable = "TAILORKV_KERNEL_CACHE";

    /// <summary>The user's.</summary>
    public static ImageCache OfUser()
    {
        string folder = Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named ? named
            : Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache ? Path.Combine(cache, "tailorkv", "kernels")
            : OperatingSystem.IsWindows() ? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData), "tailorkv", "kernels")
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", "tailorkv", "kernels");
        return new ImageCache(folder);
    }

    /// <summary>Where the image of a key lies, or would.</summary>
    public string PathOf(ReadOnlySpan<byte> key) => Path.Combine(folder, Convert.ToHexStringLower(key[..16]) + ".image");

    /// <summary>The image of a key, or null.</summary>
    public byte[]? Read(ReadOnlySpan<byte> key)
    {
        byte[] file;
        try
        {
            file = File.ReadAllBytes(PathOf(key));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }

        return file.Length > Header
            && BinaryPrimitives.ReadUInt64LittleEndian(file) == Magic
            && key.SequenceEqual(file.AsSpan(sizeof(ulong), key.Length))
            && SHA256.HashData(file.AsSpan(Header)).AsSpan().SequenceEqual(file.AsSpan(sizeof(ulong) + SHA256.HashSizeInBytes, SHA256.HashSizeInBytes))
            ? file[Header..] : null;
    }

    /// <summary>Keeps an image. A disk that is full or not ours to write to costs compiling again, and nothing else.</summary>
    public void Write(ReadOnlySpan<byte> key, ReadOnlySpan<byte> image)
    {
        var header = new byte[Header];
        BinaryPrimitives.WriteUInt64LittleEndian(header, Magic);
        key.CopyTo(header.AsSpan(sizeof(ulong)));
        SHA256.HashData(image, header.AsSpan(sizeof(ulong) + SHA256.HashSizeInBytes));
        string path = PathOf(key), beside = $"{path}.{Guid.NewGuid():N}";
        try
        {
            Directory.CreateDirectory(folder);
            using (FileStream file = File.Create(beside))
            {
                file.Write(header);
                file.Write(image);
            }

            File.Move(beside, path, overwrite: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            if (File.Exists(beside))
                File.Delete(beside);
        }
    }
}
