using System.Security.Cryptography;
using System.Text;

namespace TailorKV.Cuda.Compiling;

/// <summary>Compiles kernels for one card, or takes what has been compiled before.</summary>
internal sealed class KernelCompiler
{
    private readonly Lazy<Nvrtc> _compiler;
    private readonly ImageCache _images;
    private readonly int _architecture;
    private readonly int _driverVersion;
    private readonly Func<KernelSource, string> _text;

    /// <summary>A compiler.</summary>
    /// <param name="compiler">Finds NVRTC; asked when an image is not there.</param>
    /// <param name="images">Where images are kept.</param>
    /// <param name="capability">The card's compute capability.</param>
    /// <param name="driverVersion">The driver's version.</param>
    /// <param name="text">The text of a source; null for the embedded ones.</param>
    public KernelCompiler(Func<Nvrtc> compiler, ImageCache images, (int Major, int Minor) capability, int driverVersion, Func<KernelSource, string>? text = null)
    {
        (_compiler, _images, _architecture, _driverVersion) = (new Lazy<Nvrtc>(compiler), images, (10 * capability.Major) + capability.Minor, driverVersion);
        _text = text ?? (source => source.Text);
    }

    /// <summary>Sources that were compiled, and not found on disk.</summary>
    public int Compiled { get; private set; }

    /// <summary>The image of a source.</summary>
    public byte[] Image(KernelSource source)
    {
        byte[] key = Key(source);
        if (_images.Read(key) is { } kept)
            return kept;
        Nvrtc compiler = _compiler.Value;
        // A card newer than the compiler takes the newest PTX it makes, which the driver compiles on.
        int known = compiler.Architectures.Where(architecture => architecture <= _architecture).DefaultIfEmpty(compiler.Architectures[^1]).Max();
        bool assembly = known != _architecture;
        byte[] image = compiler.Compile(_text(source), $"{source.Family}.cu", KernelSource.Headers, Options(source, known, assembly), assembly).Image;
        Compiled++;
        _images.Write(key, image);
        return image;
    }

    /// <summary>What the compiler is told.</summary>
    /// <param name="source">The source.</param>
    /// <param name="architecture">What for, as 86.</param>
    /// <param name="assembly">Whether PTX is wanted.</param>
    public static string[] Options(KernelSource source, int architecture, bool assembly) =>
        [$"--gpu-architecture={(assembly ? "compute" : "sm")}_{architecture}", "--std=c++17", "--restrict", .. source.Macros.Select(macro => $"-D{macro.Name}={macro.Value}")];

    private byte[] Key(KernelSource source)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string part in KernelSource.Headers.SelectMany(header => new[] { header.Name, header.Text }).Append(_text(source)).Concat(Options(source, _architecture, assembly: false)).Append($"driver {_driverVersion}"))
        {
            byte[] bytes = Encoding.UTF8.GetBytes(part);
            hash.AppendData(BitConverter.GetBytes(bytes.Length));
            hash.AppendData(bytes);
        }

        return hash.GetHashAndReset();
    }
}
