using System.Text.Json.Serialization;

namespace TailorKV.Planner.Models;

/// <summary>Which model a profile or plan is for.</summary>
public sealed record ModelFingerprint
{
    /// <summary>The name of the model's folder or, without its ending, file; of a file called model its folder's. For people; not compared.</summary>
    public required string Name { get; init; }

    /// <summary>Its sizes.</summary>
    public required ModelShape Shape { get; init; }

    /// <summary>Bytes of the weights as stored and kept.</summary>
    public required long WeightBytes { get; init; }

    /// <summary>
    /// Bytes that the CPU backend takes in host memory besides, to lay weights that are stored in blocks out for products; 0 for weights that are multiplied as they are stored, and in files of releases
    /// that did not count them. It follows from the weights; not compared.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public long LaidOutBytes { get; init; }

    /// <summary>A hash of all weight data, with the algorithm's name before a colon.</summary>
    public required string WeightsHash { get; init; }

    /// <summary>What is out of range, or null: guards arithmetic on numbers that come from files.</summary>
    public string? Problem() =>
        Shape.Problem() is { } problem ? $"shape: {problem}"
        : WeightBytes is < 0 or > 1L << 60 ? $"weightBytes is {WeightBytes}, outside 0 to {1L << 60}"
        : LaidOutBytes is < 0 or > 1L << 60 ? $"laidOutBytes is {LaidOutBytes}, outside 0 to {1L << 60}"
        : null;

    /// <summary>Where <paramref name="other"/> is another model, what tells them apart; null when they are the same.</summary>
    public string? DifferenceFrom(ModelFingerprint other)
    {
        if (!Shape.Equals(other.Shape))
            return $"its shape differs ({Shape.Architecture}, {Shape.Layers} layers, {Shape.KvHeads} KV heads of {Shape.HeadDim} here; "
                + $"{other.Shape.Architecture}, {other.Shape.Layers} layers, {other.Shape.KvHeads} KV heads of {other.Shape.HeadDim} there)";
        if (WeightBytes != other.WeightBytes)
            return $"its weights take {WeightBytes} bytes here and {other.WeightBytes} there";
        return WeightsHash != other.WeightsHash ? $"its weights hash to {WeightsHash} here and {other.WeightsHash} there" : null;
    }
}
