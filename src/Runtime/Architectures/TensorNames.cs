namespace TailorKV.Runtime.Architectures;

/// <summary>
/// What a family's files call its tensors, null for those that it does not have: where norms stand and which projections lie together in one matrix is said by that. Names of layers' tensors follow
/// <see cref="Layer"/> and the layer's number.
/// </summary>
internal sealed record TensorNames
{
    /// <summary>The names of transformers, below whatever a checkpoint has above them.</summary>
    public static TensorNames HuggingFace { get; } = new()
    {
        Embedding = "embed_tokens",
        FinalNorm = "norm",
        Output = "lm_head",
        Layer = "layers.",
        AttentionNorm = "input_layernorm",
        Query = "self_attn.q_proj",
        Key = "self_attn.k_proj",
        Value = "self_attn.v_proj",
        AttentionOutput = "self_attn.o_proj",
        FeedForwardNorm = "post_attention_layernorm",
        Gate = "mlp.gate_proj",
        Up = "mlp.up_proj",
        Down = "mlp.down_proj",
    };

    /// <summary>The names of llama.cpp's converter.</summary>
    public static TensorNames Gguf { get; } = new()
    {
        Embedding = "token_embd",
        FinalNorm = "output_norm",
        Output = "output",
        Layer = "blk.",
        AttentionNorm = "attn_norm",
        Query = "attn_q",
        Key = "attn_k",
        Value = "attn_v",
        AttentionOutput = "attn_output",
        FeedForwardNorm = "ffn_norm",
        Gate = "ffn_gate",
        Up = "ffn_up",
        Down = "ffn_down",
    };

    /// <summary>The token embeddings.</summary>
    public required string Embedding { get; init; }

    /// <summary>The norm after the last layer.</summary>
    public required string FinalNorm { get; init; }

    /// <summary>The output matrix.</summary>
    public required string Output { get; init; }

    /// <summary>What stands before a layer's number.</summary>
    public required string Layer { get; init; }

    /// <summary>The norm of what attention reads.</summary>
    public string? AttentionNorm { get; init; }

    /// <summary>The norm of what attention adds.</summary>
    public string? AttentionOutputNorm { get; init; }

    /// <summary>Query, key and value projections in one matrix, in place of <see cref="Query"/>, <see cref="Key"/> and <see cref="Value"/>.</summary>
    public string? QueryKeyValue { get; init; }

    /// <summary>The query projection.</summary>
    public required string Query { get; init; }

    /// <summary>The key projection.</summary>
    public required string Key { get; init; }

    /// <summary>The value projection.</summary>
    public required string Value { get; init; }

    /// <summary>The norm of queries.</summary>
    public string? QueryNorm { get; init; }

    /// <summary>The norm of keys.</summary>
    public string? KeyNorm { get; init; }

    /// <summary>The projection of the heads' outputs.</summary>
    public required string AttentionOutput { get; init; }

    /// <summary>The norm of what the feed-forward network reads.</summary>
    public string? FeedForwardNorm { get; init; }

    /// <summary>The norm of what the feed-forward network adds.</summary>
    public string? FeedForwardOutputNorm { get; init; }

    /// <summary>Gate and up projection in one matrix, in place of <see cref="Gate"/> and <see cref="Up"/>.</summary>
    public string? GateUp { get; init; }

    /// <summary>The gate projection.</summary>
    public required string Gate { get; init; }

    /// <summary>The up projection.</summary>
    public required string Up { get; init; }

    /// <summary>The down projection.</summary>
    public required string Down { get; init; }

    /// <summary>The same names below others.</summary>
    /// <param name="prefix">What stands before the names of all but the output matrix: "model." in most checkpoints, nothing in those of the model without its head.</param>
    /// <param name="output">The name of the output matrix.</param>
    public TensorNames Below(string prefix, string output) =>
        this with { Embedding = prefix + Embedding, FinalNorm = prefix + FinalNorm, Layer = prefix + Layer, Output = output };
}
