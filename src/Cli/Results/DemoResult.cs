namespace TailorKV.Cli.Results;

/// <summary>What 'demo --json' writes.</summary>
internal sealed record DemoResult(string Model, int Context, long FullCacheBytes, double Seconds, IReadOnlyList<DemoResult.Row> Rows, string Summary)
{
    /// <summary>One way of keeping the cache.</summary>
    /// <param name="Kind">full, planned or uniform.</param>
    /// <param name="Name"></param>
    /// <param name="CacheDeviceBytes"></param>
    /// <param name="CacheShare"></param>
    /// <param name="HostBytes"></param>
    /// <param name="PredictedLoss"></param>
    /// <param name="MeasuredLoss"></param>
    /// <param name="Passages"></param>
    /// <param name="RightAnswers"></param>
    /// <param name="TokensPerSecond"></param>
    /// <param name="LayersByMode"></param>
    /// <param name="Passed"></param>
    public sealed record Row(
        string Kind, string Name, long CacheDeviceBytes, double CacheShare, long HostBytes, double? PredictedLoss, double MeasuredLoss, int Passages, int RightAnswers,
        double TokensPerSecond, IReadOnlyDictionary<string, int> LayersByMode, bool Passed)
    {
        public double Accuracy => Passages == 0 ? 0 : (double)RightAnswers / Passages;
    }
}
