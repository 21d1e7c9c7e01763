namespace TailorKV.Runtime.Tokenizers;

/// <summary>A run of a word on its way to becoming a token: a doubly linked list in an array. A length of 0 marks one that was merged away.</summary>
internal struct Symbol
{
    public int Start;
    public int Length;
    public int Id;
    public int Previous;
    public int Next;
}
