using TailorKV.Planner.Models;
using TailorKV.Planner.Plans;
using TailorKV.Planner.Policies;
using TailorKV.Profiler.Tasks;
using TailorKV.Profiler.Text;
using TailorKV.Profiler.Verification;
using TailorKV.Runtime;
using TailorKV.Runtime.Sessions;
using TailorKV.Tests;

namespace TailorKV.Profiler.Tests.Tasks;

public sealed class JudgedTaskTests : IDisposable
{
    private const int Context = 200;

    private readonly CausalLanguageModel _model = CausalLanguageModel.Load(Path.Combine(SharedData.Root, "models", "tiny-recall"));

    /// <summary>With exact caches a choice's score is its log probability in one reading of the whole text.</summary>
    [Fact]
    public void Scores_of_choices_are_their_log_probabilities()
    {
        var random = new Random(3);
        using Session session = _model.CreateFullSession(Context, ExactPrecision.Float32);
        for (int trial = 0; trial < 8; trial++)
        {
            int[] text = MeasuringText.Open(_model, null).Windows(TextPurpose.Judgement, 1, 180 + trial, trial)[0];
            int[][] choices = [.. Enumerable.Range(0, 4).Select(_ => Enumerable.Range(0, random.Next(1, 5)).Select(_ => random.Next(3, 1024)).ToArray())];
            double[] expected = [.. choices.Select(choice => LogProbability(text, choice))];
            int best = Array.IndexOf(expected, expected.Max());
            for (int answer = 0; answer < choices.Length; answer++)
            {
                var task = new ChoiceTask(text[..^2], text[^2..], choices, answer);
                double[] scores = task.Scores(session);
                for (int i = 0; i < scores.Length; i++)
                    Assert.Equal(expected[i], scores[i], 1e-3);
                Assert.Equal(answer == best, task.IsRight(session));
            }
        }
    }

    /// <summary>Greedy decoding's own tokens are the right answer, and with any one of them changed they are not.</summary>
    [Fact]
    public void Only_what_greedy_decoding_gives_matches()
    {
        using Session session = _model.CreateFullSession(Context, ExactPrecision.Float32);
        int[] text = MeasuringText.Open(_model, null).Windows(TextPurpose.Judgement, 1, 180, 1)[0];
        var greedy = new List<int>();
        for (int i = 0; i < 5; i++)
        {
            double[] probabilities = Probabilities([.. text, .. greedy], text.Length + i - 1)[0];
            greedy.Add(Array.IndexOf(probabilities, probabilities.Max()));
        }

        Assert.True(new ExactMatchTask(text[..^1], text[^1..], [.. greedy]).IsRight(session));
        for (int i = 0; i < greedy.Count; i++)
        {
            int[] other = [.. greedy];
            other[i] = (other[i] + 1) % _model.Shape.VocabularySize;
            Assert.False(new ExactMatchTask(text[..^1], text[^1..], other).IsRight(session));
        }
    }

    [Fact]
    public void Cancelled_asking_ends()
    {
        using Session session = _model.CreateFullSession(Context, ExactPrecision.Float32);
        var cancelled = new CancellationToken(canceled: true);
        Assert.ThrowsAny<OperationCanceledException>(() => new ExactMatchTask([0, 5, 6], [7], [8, 9]).IsRight(session, null, cancelled));
        Assert.ThrowsAny<OperationCanceledException>(() => new ChoiceTask([0, 5, 6], [7], [[8], [9, 10]], 0).IsRight(session, null, cancelled));
    }

    /// <summary>What the caches lose is lost to the answers: a model that finds its facts in full finds fewer in one bit, and its own task and a grid agree on who is asked.</summary>
    [Fact]
    public void A_plan_that_loses_much_answers_less()
    {
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllLines(file, [.. MeasuringText.Open(_model, null).Needles(4, 190, 1).Select(needle =>
                $$"""{"context": "{{Text([.. needle.Context[1..], .. needle.Question])}}", "answer": "{{Text(needle.Answer)}}"}""")]);
            var request = new VerificationRequest
            {
                Tail = 8,
                Windows = 1,
                Passages = 4,
                NeedleGrid = new NeedleGrid { Lengths = [150, Context], Depths = [10, 60], Keys = [1, 3], Passages = 2 },
                TaskFiles = [file],
            };
            var verifier = new PlanVerifier(_model, MeasuringText.Open(_model, null), Context, request);
            PlanVerification full = verifier.Verify(Plan.Uniform(_model.Fingerprint, Context, new FullPolicy()));
            PlanVerification coarse = verifier.Verify(Plan.Uniform(_model.Fingerprint, Context, Catalogue.Kivi(1, 1) with { Recent = 0 }));
            Assert.Equal(8, full.NeedleCells.Count);
            Assert.All(full.NeedleCells.Zip(coarse.NeedleCells), pair => Assert.Equal(pair.First with { Right = 0 }, pair.Second with { Right = 0 }));
            Assert.All(full.NeedleCells, cell => Assert.Equal((2, cell.FullRight), (cell.Passages, cell.Right)));
            Assert.Equal(full.Needles!.FullRight, full.Needles.Right);
            Assert.Equal(new TaskScore(file, 4, 4, 4), Assert.Single(full.Tasks));
            Assert.InRange(full.NeedleCells.Sum(cell => cell.Right), 15, 16);
            Assert.InRange(coarse.NeedleCells.Sum(cell => cell.Right), 0, 8);
            Assert.InRange(coarse.Tasks[0].Right, 0, 2);
        }
        finally
        {
            File.Delete(file);
        }
    }

    public void Dispose() => _model.Dispose();

    private string Text(int[] tokens) => _model.Tokenizer.Decode(tokens);

    private double LogProbability(int[] text, int[] choice)
    {
        List<double[]> probabilities = Probabilities([.. text, .. choice], text.Length - 1);
        return choice.Select((token, i) => Math.Log(probabilities[i][token])).Sum();
    }

    private List<double[]> Probabilities(int[] text, int first)
    {
        using Session session = _model.CreateFullSession(Context, ExactPrecision.Float32);
        session.Prefill(text);
        var probabilities = new List<double[]>();
        session.PromptLogits(first, (_, logits) =>
        {
            double[] exponentials = [.. logits.ToArray().Select(logit => Math.Exp(logit))];
            double sum = exponentials.Sum();
            probabilities.Add([.. exponentials.Select(one => one / sum)]);
        });
        return probabilities;
    }
}
