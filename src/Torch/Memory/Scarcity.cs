using System.Runtime.InteropServices;
using TailorKV.Planner;

namespace TailorKV.Torch.Memory;

/// <summary>What libtorch says of memory that is not there.</summary>
internal static class Scarcity
{
    /// <summary>Does what takes memory, and names the lack of it.</summary>
    /// <param name="take">What is done.</param>
    /// <param name="what">What the memory is for.</param>
    /// <exception cref="CapacityExceededException">There is not enough.</exception>
    public static T Named<T>(Func<T> take, string what)
    {
        try
        {
            return take();
        }
        catch (ExternalException exception) when (exception.Message.Contains("memory", StringComparison.OrdinalIgnoreCase))
        {
            throw new CapacityExceededException($"libtorch has no memory for {what}: {exception.Message.Split('\n')[0]}", "Plan with less --vram or a shorter context, or free memory");
        }
    }
}
