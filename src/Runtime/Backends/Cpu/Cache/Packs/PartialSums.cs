namespace TailorKV.Runtime.Backends.Cpu.Cache.Packs;

/// <summary>
/// Sums that products of several packs of the same tokens make together, one pack after another, before they are scaled once. They stay whole numbers, as wide as a kernel sums in.
/// </summary>
/// <param name="room">Room for a word a query and lane, [n, lanes].</param>
/// <param name="resumes">Whether sums go on from those kept: with all packs but the first.</param>
/// <param name="keeps">Whether sums are kept, not scaled and added to the destination: with all packs but the last.</param>
internal readonly ref struct PartialSums(Span<byte> room, bool resumes, bool keeps)
{
    /// <summary>Room for a word a query and lane.</summary>
    public Span<byte> Room { get; } = room;

    /// <summary>Whether sums go on from those kept.</summary>
    public bool Resumes => resumes;

    /// <summary>Whether sums are kept.</summary>
    public bool Keeps => keeps;

    /// <summary>Whether one pack makes sums alone.</summary>
    public bool IsNone => !resumes && !keeps;
}
