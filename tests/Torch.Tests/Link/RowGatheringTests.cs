using FsCheck.Xunit;
using TailorKV.Torch.Link;
using TailorKV.Torch.Memory;
using TorchSharp;
using static TorchSharp.torch;

namespace TailorKV.Torch.Tests.Link;

public class RowGatheringTests
{
    /// <summary>Beside libtorch's own gathering, of rows that lie within longer ones.</summary>
    [Property]
    public bool Rows_are_those_that_libtorch_selects(FsCheck.PositiveInt length, FsCheck.PositiveInt tokens, FsCheck.NonEmptyArray<ushort> places, bool halves)
    {
        _ = Cache.TestedTorch.Instance;
        using var scope = NewDisposeScope();
        long some = length.Get % 70 + 1, count = tokens.Get % 50 + 1;
        Tensor rows = randint(0, 255, [count, some + 9], halves ? ScalarType.Float16 : ScalarType.Byte).narrow(1, 3, some);
        Tensor at = tensor(places.Get.Select(place => (long)place % count).ToArray()), gathered = empty([places.Get.Length, some], rows.dtype);
        RowGathering.Gather(rows, at, HostMemory.Start(gathered));
        return gathered.bytes.SequenceEqual(rows.index_select(0, at).bytes);
    }
}
