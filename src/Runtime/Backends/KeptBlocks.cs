namespace TailorKV.Runtime.Backends;

/// <summary>
/// Where the blocks of tokens lie that an evicted layer keeps: those of the prompt from the highest score down; then what joins, in free places first, then in the places of the prompt's blocks from the
/// lowest score up, then of the oldest that joined. The first block, the best of the prompt, stays.
/// </summary>
/// <param name="room">The most blocks.</param>
internal sealed class KeptBlocks(int room)
{
    private int _ofPrompt;
    private int _joined;

    /// <summary>Blocks kept.</summary>
    public int Count => Math.Min(room, _ofPrompt + _joined);

    /// <summary>Starts over with a prompt's.</summary>
    /// <param name="blocks">Blocks to choose from.</param>
    /// <returns>How many of them are kept.</returns>
    public int Load(int blocks)
    {
        (_ofPrompt, _joined) = (Math.Min(room, blocks), 0);
        return _ofPrompt;
    }

    /// <summary>Takes one more.</summary>
    /// <returns>Where it lies, counted in blocks; null where there is room for no block but the first.</returns>
    public int? Join()
    {
        int free = room - _ofPrompt, joined = _joined++;
        if (joined < free)
            return _ofPrompt + joined;
        if (room < 2)
            return null;
        int lowest = Math.Max(0, _ofPrompt - 1), turn = (joined - free) % (room - 1);
        return turn < lowest ? lowest - turn : turn + 1;
    }
}
