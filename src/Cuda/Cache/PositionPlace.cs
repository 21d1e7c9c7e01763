using System.Diagnostics.CodeAnalysis;
using TailorKV.Cuda.Memory;

namespace TailorKV.Cuda.Cache;

/// <summary>An integer on the card, given back when nobody knows it any more.</summary>
internal sealed class PositionPlace
{
    private readonly Card _card;

    /// <summary>Takes it.</summary>
    public PositionPlace(Card card) => (_card, Address) = (card, card.TakeNumber());

    /// <summary>Gives it back.</summary>
    [SuppressMessage("Design", "MA0055", Justification = "Sessions do not say when they let go of a cache.")]
    ~PositionPlace() => _card.ReturnNumber(Address);

    /// <summary>Where it lies.</summary>
    public nint Address { get; }
}
