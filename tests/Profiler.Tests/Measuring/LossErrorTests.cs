using FsCheck;
using FsCheck.Xunit;
using TailorKV.Planner.Policies;
using TailorKV.Planner.Profiles;
using TailorKV.Profiler.Measuring;
using TailorKV.Profiler.Text;
using TailorKV.Runtime;
using TailorKV.Tests;

namespace TailorKV.Profiler.Tests.Measuring;

/// <summary>The standard error of a mean loss: over blocks of sixteen tokens within windows, and over windows.</summary>
public class LossErrorTests
{
    private const int Block = 16;

    [Property]
    public void Blocks_that_are_alike_leave_no_error(int seed, PositiveInt blocks, PositiveInt windows)
    {
        double[] block = Losses(new Random(seed), Block);
        double[] window = [.. Enumerable.Repeat(block, 1 + blocks.Get).SelectMany(losses => losses)];
        MeasuredMean loss = MeasuredMean.OfWindows([.. Enumerable.Repeat(MeasuredMean.OfWindow(window), windows.Get)]);
        Assert.Equal(block.Average(), loss.Value, 1e-12);
        Assert.Equal(0, loss.Error, 1e-12);
    }

    [Property]
    public void It_grows_as_losses_do_and_nothing_that_all_have_adds_to_it(int seed, PositiveInt tokens, NonNegativeInt windows, NonNegativeInt factor, NonNegativeInt added)
    {
        double[][] losses = Windows(new Random(seed), 1 + windows.Get, (2 * Block) + tokens.Get);
        MeasuredMean loss = Of(losses), changed = Of([.. losses.Select(window => window.Select(one => (factor.Get * one) + added.Get).ToArray())]);
        double slack = 1e-9 * (1 + factor.Get + added.Get);
        Assert.Equal((factor.Get * loss.Value) + added.Get, changed.Value, slack);
        Assert.Equal(factor.Get * loss.Error, changed.Error, slack);
    }

    [Property]
    public void Neither_the_order_of_blocks_nor_that_of_windows_counts(int seed, PositiveInt blocks, NonNegativeInt windows)
    {
        var random = new Random(seed);
        double[][] losses = Windows(random, 1 + windows.Get, (1 + blocks.Get) * Block);
        double[][] shuffled = [.. losses.Select(window => window.Chunk(Block).OrderBy(_ => random.Next()).SelectMany(block => block).ToArray()).OrderBy(_ => random.Next())];
        MeasuredMean loss = Of(losses), other = Of(shuffled);
        Assert.Equal(loss.Value, other.Value, 1e-12);
        Assert.Equal(loss.Error, other.Error, 1e-12);
    }

    /// <summary>The same windows once more are what as many others of the same distribution would be on average: the error falls with the root of their number at least.</summary>
    [Property]
    public void More_windows_make_it_less(int seed, PositiveInt tokens, NonNegativeInt windows)
    {
        double[][] losses = Windows(new Random(seed), 1 + windows.Get, (2 * Block) + tokens.Get);
        MeasuredMean once = Of(losses), twice = Of([.. losses, .. losses]);
        Assert.Equal(once.Value, twice.Value, 1e-12);
        Assert.InRange(twice.Error, 0, (once.Error / Math.Sqrt(2)) + 1e-12);
    }

    /// <summary>The formula of docs/profile-format.md, plainly.</summary>
    [Property]
    public void It_is_what_the_formula_says(int seed, PositiveInt blocks, NonNegativeInt windows)
    {
        double[][] losses = Windows(new Random(seed), 2 + windows.Get, (1 + blocks.Get) * Block);
        double mean = losses.Average(window => window.Average()), within = 0, between = 0;
        foreach (double[] window in losses)
        {
            double[] means = [.. window.Chunk(Block).Select(block => block.Average())];
            within += means.Sum(one => Math.Pow(one - window.Average(), 2)) / (means.Length - 1) / means.Length;
            between += Math.Pow(window.Average() - mean, 2);
        }

        double expected = Math.Max(Math.Sqrt(within) / losses.Length, Math.Sqrt(between / (losses.Length - 1) / losses.Length));
        Assert.Equal(expected, Of(losses).Error, 1e-9 * expected);
    }

    /// <summary>
    /// Losses of which neighbours are alike, in windows that differ: over many draws the error is about how far means are from the truth. That of tokens taken as independent is half of it or less.
    /// </summary>
    [Theory]
    [InlineData(4, 64, 0.6, 0.0)]
    [InlineData(4, 64, 0.6, 0.3)]
    [InlineData(8, 256, 0.8, 0.0)]
    [InlineData(1, 512, 0.6, 0.0)]
    public void It_is_how_far_means_are_off(int windows, int tokens, double likeness, double betweenWindows)
    {
        const int Draws = 2000;
        var random = new Random(5);
        double squares = 0, errors = 0, tokenErrors = 0;
        for (int draw = 0; draw < Draws; draw++)
        {
            double[][] losses = [.. Enumerable.Range(0, windows).Select(_ => Alike(random, tokens, likeness, 1 + (betweenWindows * Normal(random))))];
            MeasuredMean loss = Of(losses);
            squares += Math.Pow(loss.Value - 1, 2) / Draws;
            errors += loss.Error * loss.Error / Draws;
            double[] all = [.. losses.SelectMany(window => window)];
            tokenErrors += all.Sum(one => Math.Pow(one - loss.Value, 2)) / (all.Length - 1) / all.Length / Draws;
        }

        Assert.InRange(Math.Sqrt(errors / squares), 0.8, 1.35);
        Assert.InRange(Math.Sqrt(tokenErrors / squares), 0, 0.6);
    }

    [Theory]
    [InlineData(1, 31)]
    [InlineData(1, 1)]
    public void Of_one_block_it_is_not_known(int windows, int tokens) => Assert.Equal(double.PositiveInfinity, Of(Windows(new Random(1), windows, tokens)).Error);

    [Fact]
    public void Of_windows_of_one_block_it_is_that_among_them() => Assert.Equal(0.5, Of([[1], [2]]).Error, 1e-12);

    /// <summary>A profile's errors, against the tokens' losses of each window with that layer changed alone.</summary>
    [Fact]
    public void A_profile_has_it_of_each_option()
    {
        using CausalLanguageModel model = CausalLanguageModel.Load(Path.Combine(SharedData.Root, "models", "tiny-recall"));
        MeasuringText text = MeasuringText.Open(model, null);
        LayerPolicy[] options = [new FullPolicy(), Catalogue.Kivi(2, 2)];
        ModelProfile profile = ModelProfiler.Measure(model, text, new ProfileRequest { Context = 170, Tail = 40, Windows = 2, Seed = 3, Options = options, Candidates = [] });
        WindowMeasurement[] windows = [.. text.Windows(TextPurpose.Calibration, 2, 210, 3).Select(window => new WindowMeasurement(model, window, 170))];
        foreach (LayerProfile layer in profile.Layers)
        {
            LayerPolicy[] policies = [.. Enumerable.Repeat<LayerPolicy>(new FullPolicy(Planner.Models.ExactPrecision.Float32), model.Shape.Layers)];
            policies[layer.Layer] = options[1];
            MeasuredMean loss = Of([.. windows.Select(window => window.MeasureAll(policies))]);
            MeasuredOption option = layer.Options.Single(option => option.Policy.Equals(options[1]));
            Assert.InRange(option.LossError!.Value, option.Loss / 1000, option.Loss);
            Assert.Equal(loss.Error, option.LossError.Value, 0.02 * loss.Error);
        }

        Array.ForEach(windows, window => window.Dispose());
    }

    private static MeasuredMean Of(double[][] windows) => MeasuredMean.OfWindows([.. windows.Select(window => MeasuredMean.OfWindow(window))]);

    private static double[] Losses(Random random, int tokens) => [.. Enumerable.Range(0, tokens).Select(_ => random.NextDouble())];

    private static double[][] Windows(Random random, int windows, int tokens) => [.. Enumerable.Range(0, windows).Select(_ => Losses(random, tokens))];

    private static double[] Alike(Random random, int tokens, double likeness, double mean)
    {
        double[] losses = new double[tokens];
        double state = Normal(random);
        for (int token = 0; token < tokens; token++)
        {
            losses[token] = mean + state;
            state = (likeness * state) + (Math.Sqrt(1 - (likeness * likeness)) * Normal(random));
        }

        return losses;
    }

    private static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
