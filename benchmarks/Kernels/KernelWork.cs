using BenchmarkDotNet.Running;
using TailorKV.Planner.Policies;
using TailorKV.Runtime.Weights;

namespace TailorKV.Benchmarks.Kernels;

/// <summary>What a benchmark's operation asks of the machine.</summary>
/// <param name="Bytes">Bytes that one step reads; 0 where they are beside the point.</param>
/// <param name="MultiplyAdds">Multiply-adds that one step's result needs.</param>
/// <param name="Threads">Threads that work.</param>
/// <param name="Steps">Steps of an operation.</param>
internal readonly record struct KernelWork(long Bytes, double MultiplyAdds, int Threads, int Steps = 1)
{
    /// <summary>The work of a case.</summary>
    public static KernelWork Of(BenchmarkCase benchmark)
    {
        Type type = benchmark.Descriptor.Type;
        return type == typeof(DecodeAttention) ? DecodeAttention.Work(
                Parameter<LayerCase>(nameof(DecodeAttention.Layer)), Parameter<int>(nameof(DecodeAttention.Keys)), Parameter<PolicyCase>(nameof(DecodeAttention.Policy)))
            : type == typeof(WeightProducts) ? WeightProducts.Work(Parameter<WeightType>(nameof(WeightProducts.Type)))
            : type == typeof(PromptAttention) ? new KernelWork(0, PromptAttention.MultiplyAdds(Parameter<int>(nameof(PromptAttention.First))), 1)
            : type == typeof(PanelProducts) ? new KernelWork(0, PanelProducts.MultiplyAdds(Parameter<int>(nameof(PanelProducts.Count))), 1)
            : CodeKernels.Work(Parameter<CodeFormatCase>(nameof(CodeScores.Format)).Format, Parameter<int>(nameof(CodeKernels.HeadDim)));

        T Parameter<T>(string name) => (T)benchmark.Parameters[name];
    }

    /// <summary>The work of a token's step through a layer's cache.</summary>
    /// <param name="work">Its bytes, scores and sums.</param>
    /// <param name="scores">Scores, of each of which an exponential is made: nine multiply-adds.</param>
    /// <param name="steps">Steps of an operation.</param>
    public static KernelWork Of(StepWork work, long scores, int steps) =>
        new(work.DeviceBytes + work.PrefetchedBytes + work.FetchedBytes, work.MultiplyAdds + (9 * scores), AllThreads.Backend.Threads, steps);
}
