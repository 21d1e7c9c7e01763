namespace TailorKV.Planner.Plans;

/// <summary>The time given for a search ended before any plan was found, and before it was proved that there is none.</summary>
public sealed class NoPlanInTimeException() : TailorKVException("no plan was found in the time given, and whether there is one is not decided", "Give more time (--time-limit) or looser limits");
