using System.Text;

namespace TailorKV.Runtime.Tokenizers;

/// <summary>The tokens that end a turn, known by their text.</summary>
internal static class TurnEnds
{
    private const string End = "<|end|>", Return = "<|return|>";
    private static readonly HashSet<string> Texts =
    [
        "</s>", "<eos>", "<|endoftext|>", "<|end_of_text|>", "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|eot|>", "<|eom|>", "<end_of_turn>", "<turn|>", End,
        "<|end_of_turn|>", "<|endofturn|>", "<|end_of_sentence|>", "<|END_OF_TURN_TOKEN|>", Return, "<|call|>", "<EOT>", "_<EOT>", "[EOS]", "[EOT]",
        "<\uFF5Cend\u2581of\u2581sentence\uFF5C>", "<end_of_utterance>",
    ];

    /// <summary>Those among the special tokens, in the order of their ids.</summary>
    public static IEnumerable<int> Find(TokenTable tokens)
    {
        (int Id, string Text)[] found = [.. Enumerable.Range(0, tokens.Count)
            .Where(tokens.IsSpecial)
            .Select(id => (id, Encoding.UTF8.GetString(tokens.Piece(id))))
            .Where(token => Texts.Contains(token.Item2))];
        // Where a turn has several messages (gpt-oss), each ends with <|end|>, and the turn with <|return|>.
        bool hasMessages = found.Any(token => token.Text == Return);
        return found.Where(token => !(hasMessages && token.Text == End)).Select(token => token.Id);
    }
}
