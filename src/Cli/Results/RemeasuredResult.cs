namespace TailorKV.Cli.Results;

/// <summary>A plan's loss on the profile's text, predicted and measured, before and after its layers' options were measured around it; and which plan was kept.</summary>
internal sealed record RemeasuredResult(RemeasuredResult.Round First, RemeasuredResult.Round Second, string Kept)
{
    public sealed record Round(double Predicted, double Measured);
}
