using System.CommandLine;
using TailorKV.Cli.Checks;
using TailorKV.Cli.Options;
using TailorKV.Cli.Output;
using TailorKV.Cli.Results;
using TailorKV.Planner;
using TailorKV.Profiler;
using TailorKV.Runtime;
using TailorKV.Runtime.Backends;
using TailorKV.Runtime.Verification;

namespace TailorKV.Cli.Commands;

/// <summary>Checks the machine, or a model against a reference.</summary>
internal sealed class DoctorCommand : ToolCommand
{
    private const double DefaultTolerance = 1e-3;
    private const int LongestName = 80;

    private readonly Argument<string?> _model = new("MODEL") { Description = "A model to compare with a reference; without one the machine is checked.", Arity = ArgumentArity.ZeroOrOne };
    private readonly DeviceOptions _device = new();
    private readonly Option<string?> _reference = new("--reference")
    {
        Description = "A safetensors file with input_ids and what another implementation computed for them: logits, next_logprob, top1, layerL.attention, .key, .value, .hidden_out.",
        HelpName = "FILE",
    };

    private readonly NumberOption _tolerance = new(
        "--tolerance", "X", "The largest difference allowed, as a share of the tensor's largest magnitude; for log probabilities in nats. Default: 0.001.", zeroAllowed: true);

    public DoctorCommand(Terminal terminal)
        : base(
            "doctor",
            """
            Alone: checks this machine (device, memory, the solver, CUDA). With MODEL and --reference: runs the model on the reference's tokens and compares
            what the reference holds; what it cannot compare it names. Exits with 1 when a check fails or nothing can be compared.
            """,
            terminal)
    {
        Add(_model);
        foreach (Option option in (Option[])[_reference, _tolerance, .. _device.All])
            Add(option);
        Validators.Add(result =>
        {
            if ((result.GetResult(_model) is { Tokens.Count: > 0 }) != (result.GetResult(_reference) is not null))
                result.AddError("MODEL and --reference go together: give both, or neither to check the machine.");
        });
    }

    protected override int Run(ParseResult parse) =>
        parse.GetValue(_model) is { } model ? CompareWithReference(parse, model, parse.GetValue(_reference)!) : CheckMachine(parse);

    private int CheckMachine(ParseResult parse)
    {
        using Backend backend = _device.Open(parse);
        IReadOnlyList<DoctorResult.Check> checks = MachineChecks.All(backend);
        var result = new DoctorResult(checks, checks.All(check => check.Passed));
        if (WantsJson(parse))
            Terminal.Json(result, ResultJsonContext.Default.DoctorResult);
        else
            Terminal.Table(["check", "found", ""], checks.Select(check => (string[])[check.Name, check.Value, check.Passed ? "ok" : "failed"]));
        return result.Passed ? ExitCode.Success : ExitCode.Failure;
    }

    private int CompareWithReference(ParseResult parse, string modelPath, string reference)
    {
        double tolerance = parse.GetValue(_tolerance) ?? DefaultTolerance;
        using Backend backend = _device.Open(parse);
        using CausalLanguageModel model = LoadModel(modelPath, backend);
        IReadOnlyList<TensorDifference> tensors = Terminal.WithProgress(
            progress => ReferenceComparison.Compare(model, reference, tolerance, WorkProgress.Part(progress, "comparing", 0, 1), Terminal.Cancellation));
        var result = new ReferenceResult(modelPath, reference, tolerance, tensors, ReferenceComparison.Skipped(model, reference), tensors.All(tensor => tensor.Passed), model.Remarks);
        if (WantsJson(parse))
            Terminal.Json(result, ResultJsonContext.Default.ReferenceResult);
        else
            Print(result);
        return result.Passed ? ExitCode.Success : ExitCode.Failure;
    }

    private void Print(ReferenceResult result)
    {
        Terminal.Table(
            ["tensor", ">elements", ">largest difference", ">relative", ""],
            result.Tensors.Select(tensor => (string[])
            [
                tensor.Name, $"{tensor.Elements}", $"{tensor.Absolute:0.00e+0}", $"{tensor.Relative:0.00e+0}", tensor.Passed ? "passed" : "failed",
            ]));
        foreach (SkippedTensor skipped in result.Skipped)
            Terminal.Line($"Not compared: {PrintableText.Line(skipped.Name, LongestName)}: {skipped.Reason}");
        int failed = result.Tensors.Count(tensor => !tensor.Passed);
        Terminal.Line(failed == 0
            ? $"Passed: {result.Tensors.Count} tensors within {result.Tolerance} of {result.Reference}"
            : $"Failed: {failed} of {result.Tensors.Count} tensors differ by more than {result.Tolerance} from {result.Reference}");
    }
}
