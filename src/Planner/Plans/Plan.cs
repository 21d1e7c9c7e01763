using System.Text.Json.Serialization;
using TailorKV.Planner.Machines;
using TailorKV.Planner.Models;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Policies.Codes;
using TailorKV.Planner.Profiles;

namespace TailorKV.Planner.Plans;

/// <summary>How each layer of one model keeps its KV cache, what that costs, and how the choice was proved. Format: docs/plan-format.md.</summary>
public sealed record Plan
{
    /// <summary>The version of the format that this code reads and writes.</summary>
    public const int CurrentVersion = 1;

    /// <summary>The format's version.</summary>
    public int Version { get; init; } = CurrentVersion;

    /// <summary>The model the plan is for.</summary>
    public required ModelFingerprint Model { get; init; }

    /// <summary>Where the losses come from, where they are not measurements, as in the profile; null for measured ones.</summary>
    public string? DerivedFrom { get; init; }

    /// <summary>The limits it was made for.</summary>
    public required PlanTarget Target { get; init; }

    /// <summary>Tokens processed at once while the prompt is read.</summary>
    public required int PrefillChunk { get; init; }

    /// <summary>One policy a layer.</summary>
    public required IReadOnlyList<PlannedLayer> Layers { get; init; }

    /// <summary>Predicted bytes by part, of all sessions of the batch.</summary>
    public required MemoryBreakdown Memory { get; init; }

    /// <summary>Predicted time of a decode step on the target's machine; null where it names none.</summary>
    public StepTime? Time { get; init; }

    /// <summary>Predicted loss: the sum of the layers' losses, in nats per token; null for a plan that was written by hand.</summary>
    public double? PredictedLoss { get; init; }

    /// <summary>
    /// Standard error of <see cref="PredictedLoss"/>, in nats per token: the sum of the layers' errors, which all were measured on the same text, and so the most that it can be. Null where one of
    /// them is not known.
    /// </summary>
    public double? PredictedLossError { get; init; }

    /// <summary>How the solver ended; null for a plan that was written by hand.</summary>
    public SolverCertificate? Solver { get; init; }

    /// <summary>The policies alone.</summary>
    [JsonIgnore]
    public IReadOnlyList<LayerPolicy> Policies => [.. Layers.Select(layer => layer.Policy)];

    /// <summary>Reads a plan and checks it.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="InvalidFileException">The file is missing, not a plan, or contradicts itself.</exception>
    public static Plan Load(string path)
    {
        Plan plan = JsonFile.Read(path, PlanJsonContext.Strict.Plan, "plan");
        return plan.Problem() is { } problem ? throw new InvalidFileException(path, problem, "Make the plan again with 'tailorkv plan'") : plan.WithAllParts();
    }

    /// <summary>A plan that keeps every layer alike.</summary>
    /// <param name="model">The model.</param>
    /// <param name="context">Tokens the session can hold.</param>
    /// <param name="policy">The policy of every layer; a full policy of the same precision stands in where a layer's window does not allow it.</param>
    /// <param name="prefillChunk">Tokens processed at once.</param>
    /// <param name="calibrations">What is known of each layer's queries and keys, as in a profile; null where the policy does not need it.</param>
    public static Plan Uniform(
        ModelFingerprint model, int context, LayerPolicy policy, int prefillChunk = PlanTarget.DefaultPrefillChunk, IReadOnlyList<KeyCalibration?>? calibrations = null) =>
        From(model, context, [.. Enumerable.Range(0, model.Shape.Layers)
            .Select(layer => model.Shape.Layer(layer).SlidingWindow is null ? policy : policy as FullPolicy ?? new FullPolicy())], prefillChunk, calibrations);

    /// <summary>A plan from policies chosen by the caller, priced but not optimized.</summary>
    /// <param name="model">The model.</param>
    /// <param name="context">Tokens the session can hold.</param>
    /// <param name="policies">A policy for each layer.</param>
    /// <param name="prefillChunk">Tokens processed at once.</param>
    /// <param name="calibrations">What is known of each layer's queries and keys, as in a profile; null where no policy needs it.</param>
    /// <exception cref="TailorKVException">A policy cannot keep its layer, or a number is out of range.</exception>
    public static Plan From(
        ModelFingerprint model, int context, IReadOnlyList<LayerPolicy> policies, int prefillChunk = PlanTarget.DefaultPrefillChunk, IReadOnlyList<KeyCalibration?>? calibrations = null) =>
        From(model, new PlanTarget { Context = context }, policies, prefillChunk, calibrations);

    /// <summary>A plan from policies chosen by the caller, priced for a target's context, batch and machine.</summary>
    /// <inheritdoc cref="From(ModelFingerprint, int, IReadOnlyList{LayerPolicy}, int, IReadOnlyList{KeyCalibration?}?)"/>
    public static Plan From(
        ModelFingerprint model, PlanTarget target, IReadOnlyList<LayerPolicy> policies, int prefillChunk = PlanTarget.DefaultPrefillChunk, IReadOnlyList<KeyCalibration?>? calibrations = null)
    {
        var plan = new Plan
        {
            Model = model,
            Target = target,
            PrefillChunk = prefillChunk,
            Layers = [.. policies.Select((policy, layer) => new PlannedLayer { Layer = layer, Policy = policy, Calibration = Needed(policy, calibrations?[layer]) })],
            Memory = MemoryModel.Predict(model, policies, target.Context, prefillChunk, target.Batch),
            Time = PredictTime(model, target, policies),
        };
        return plan.Problem() is { } problem ? throw new TailorKVException(problem, "Choose policies and sizes that the model's layers allow") : plan;
    }

    /// <summary>What is inconsistent, or null: the shapes, each policy on its layer, and the bytes against a computation of their own.</summary>
    public string? Problem()
    {
        if (Version != CurrentVersion)
            return $"version {Version} is not {CurrentVersion}, the one this release reads";
        if (Model.Problem() is { } modelProblem)
            return $"model.{modelProblem}";
        if (Target.Problem() is { } targetProblem)
            return $"target: {targetProblem}";
        if (PlanTarget.ChunkProblem(PrefillChunk) is { } chunkProblem)
            return chunkProblem;
        if (MemoryModel.Problem(Model.Shape, Target.Context, PrefillChunk, Target.Batch) is { } memoryProblem)
            return memoryProblem;
        if (Layers.Count != Model.Shape.Layers)
            return $"it has {Layers.Count} layers and the model {Model.Shape.Layers}";
        if (Problems.InEach("layers", Layers, (layer, i) => layer.Problem(Model.Shape.Layer(i), i)) is { } layerProblem)
            return layerProblem;
        // A sum over the layers, and the loss of other weights.
        double most = MeasuredOption.MostLoss * (Layers.Count + 1);
        if ((Problems.Outside("predictedLoss", PredictedLoss ?? 0, 0, most) ?? Problems.Outside("predictedLossError", PredictedLossError ?? 0, 0, most)) is { } lossProblem)
            return lossProblem;
        if (Solver?.Problem() is { } solverProblem)
            return $"solver.{solverProblem}";

        MemoryBreakdown memory = PredictMemory();
        if (memory != Memory && memory with { HostWeights = 0, HostLogits = 0 } != Memory)
            return $"memory says {Memory.Device} device and {Memory.Host} host bytes, and its policies take {memory.Device} and {memory.Host}";
        StepTime? time = PredictTime(Model, Target, Policies);
        return time == Time ? null : $"time says {Time?.TotalNanoseconds} ns, and its policies take {time?.TotalNanoseconds} on the target's machine";
    }

    /// <summary>The plan as JSON, ended by a line feed; <see cref="Load"/> reads it.</summary>
    /// <exception cref="TailorKVException">It would be refused when read.</exception>
    public string ToJson() => JsonFile.Write(this, PlanJsonContext.Strict.Plan, Problem());

    /// <summary>A plan without a <see cref="Problem"/> with all parts of <see cref="Memory"/>: files of earlier releases lack what lies on the host besides caches and prompt.</summary>
    public Plan WithAllParts() => PredictMemory() is var memory && memory == Memory ? this : this with { Memory = memory };

    private MemoryBreakdown PredictMemory() => MemoryModel.Predict(Model, Policies, Target.Context, PrefillChunk, Target.Batch);

    internal static StepTime? PredictTime(ModelFingerprint model, PlanTarget target, IReadOnlyList<LayerPolicy> policies) =>
        target.Machine is { } machine ? LatencyModel.Predict(machine, model.Shape, model.WeightBytes, policies, target.Context, target.Batch) : null;

    /// <summary>Of what is known of a layer what its policy asks for.</summary>
    private static KeyCalibration? Needed(LayerPolicy policy, KeyCalibration? calibration) =>
        !policy.NeedsCalibration ? null : policy.NeedsValueMoments || calibration is null ? calibration : calibration with { Values = null };
}
