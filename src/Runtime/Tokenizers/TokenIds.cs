namespace TailorKV.Runtime.Tokenizers;

/// <summary>Judges token ids in files: those that a vocabulary does not have (-1, or beyond it) are left out, with a remark.</summary>
/// <param name="file">The file, for remarks.</param>
/// <param name="limit">Ids from 0 to below this are known.</param>
/// <param name="remarks">Told what is left out.</param>
internal sealed class TokenIds(string file, int limit, ICollection<string> remarks)
{
    private const int Named = 3;

    /// <summary>Those of the ids that are known.</summary>
    /// <param name="name">What names them in the file.</param>
    /// <param name="ids">One id or several.</param>
    public int[] Known(string name, params IReadOnlyList<long> ids)
    {
        int[] known = [.. ids.Where(IsKnown).Select(id => (int)id)];
        if (known.Length < ids.Count)
            Remark(name, [.. ids.Where(id => !IsKnown(id)).Select(id => $"{id}")]);
        return known;
    }

    /// <summary>Those of the added tokens whose ids are known; the texts of the others are read as any text.</summary>
    public AddedToken[] Known(IReadOnlyCollection<AddedToken> tokens)
    {
        AddedToken[] known = [.. tokens.Where(token => IsKnown(token.Id))];
        if (known.Length < tokens.Count)
            Remark("an added token", [.. tokens.Where(token => !IsKnown(token.Id)).Select(token => $"{token.Id} ('{(token.Content.Length <= 40 ? token.Content : token.Content[..40] + "...")}')")]);
        return known;
    }

    private bool IsKnown(long id) => id >= 0 && id < limit;

    private void Remark(string name, string[] unknown)
    {
        string more = unknown.Length > Named ? $" and {unknown.Length - Named} more" : "";
        remarks.Add($"{file}: {name} is {string.Join(", ", unknown.Take(Named))}{more}, outside the vocabulary of {limit} tokens, and is ignored");
    }
}
