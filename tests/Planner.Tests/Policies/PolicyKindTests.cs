using System.Reflection;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using TailorKV.Planner.Machines;
using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Testing;

namespace TailorKV.Planner.Tests.Policies;

/// <summary>What every registered kind of policy must do, whatever it is.</summary>
public sealed class PolicyKindTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    [Fact]
    public void Every_policy_of_the_planner_is_registered_once_and_written_by_its_kinds_name()
    {
        IEnumerable<Type> records = typeof(LayerPolicy).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(LayerPolicy)) && !type.IsAbstract);
        Assert.Equal(records.ToHashSet(), LayerPolicy.Kinds.Select(kind => kind.Type).ToHashSet());
        Assert.Equal(LayerPolicy.Kinds.Count, LayerPolicy.Kinds.Select(kind => kind.Name).Distinct().Count());
        Assert.Equal(
            LayerPolicy.Kinds.Select(kind => (kind.Type, (object?)kind.Name)),
            typeof(LayerPolicy).GetCustomAttributes<JsonDerivedTypeAttribute>().Select(derived => (derived.DerivedType, derived.TypeDiscriminator)));
    }

    [Fact]
    public void Every_kind_has_a_generator_options_and_a_look()
    {
        Assert.All(LayerPolicy.Kinds, kind =>
        {
            Assert.Contains(PolicyGenerators.Kinds, name => name.StartsWith(kind.Name, StringComparison.Ordinal));
            Assert.NotEmpty(kind.Standard);
            Assert.Subset(kind.All.ToHashSet(), kind.Standard.ToHashSet());
            Assert.All([.. kind.Diagnostic, .. kind.All, .. kind.Timed], option => Assert.Same(kind, option.Kind));
            Assert.True(kind.Timed.Count > 0 || kind.RatesOf is not null);
            Assert.NotEmpty(kind.Meaning);
            Assert.All([kind.Colour, kind.DarkColour], colour => Assert.Matches(new Regex("^#[0-9a-f]{6}$", RegexOptions.None, TimeSpan.FromSeconds(1)), colour));
        });
        Assert.Equal(LayerPolicy.Kinds.Count, LayerPolicy.Kinds.Select(kind => kind.Colour).Distinct().Count());
    }

    [Fact]
    public void Every_machine_has_a_rate_of_every_kind() =>
        Assert.All(Machine.Shipped.Select(Machine.Load), machine => Assert.All(LayerPolicy.Kinds, kind => Assert.True(machine.Kernels.Of(kind).MultiplyAddsPerSecond > 0)));

    /// <summary>Bytes and work grow with what is held; what is described differs where policies do; what is written is what is read.</summary>
    [Property(MaxTest = 1200)]
    public Property A_policy_of_any_kind_is_priced_described_and_read_as_it_was_written(LayerShape layer, DoNotSize<ushort> tokens, byte more)
    {
        LayerShape open = layer with { SlidingWindow = null };
        int context = 1 + tokens.Item;
        return Prop.ForAll(Gen.Elements(PolicyGenerators.Kinds.ToArray()).SelectMany(kind => PolicyGenerators.OfKind(kind, open, 1), (_, policy) => policy).ToArbitrary(), policy =>
        {
            CacheBytes bytes = policy.Bytes(open, context), longer = policy.Bytes(open, context + more);
            Assert.All([bytes.Device, bytes.Host, bytes.Staging], size => Assert.Equal(0, size % CacheBytes.Alignment));
            Assert.True(bytes.Device <= longer.Device && bytes.Host <= longer.Host && bytes.Staging <= longer.Staging);
            StepWork work = policy.Work(open, context), longerWork = policy.Work(open, context + more);
            Assert.InRange(work.DeviceBytes, 1, longerWork.DeviceBytes);
            Assert.InRange(work.MultiplyAdds, 1, longerWork.MultiplyAdds);
            Assert.InRange(work.PrefetchedBytes + work.FetchedBytes, 0, bytes.Host);
            Assert.NotEmpty(policy.Describe());
            Assert.All(policy.Describe(), character => Assert.InRange(character, ' ', '~'));
            Assert.Equal(policy, Reread(policy, open, context));
        });
    }

    private LayerPolicy Reread(LayerPolicy policy, LayerShape layer, int context)
    {
        var shape = new ModelShape
        {
            Architecture = "llama",
            Layers = 2,
            HiddenSize = 64,
            IntermediateSize = 96,
            Heads = layer.Heads,
            KvHeads = layer.KvHeads,
            HeadDim = layer.HeadDim,
            VocabularySize = 100,
            ContextLength = 1 << 17,
        };
        var model = new ModelFingerprint { Name = "m", Shape = shape, WeightBytes = 1000, WeightsHash = "xxh128:00" };
        File.WriteAllText(_path, Plan.From(model, context, [new FullPolicy(), policy], calibrations: [null, CalibrationGenerators.Drawn(layer, 1)]).ToJson());
        return Plan.Load(_path).Policies[1];
    }
}
