using System.ComponentModel.DataAnnotations;

namespace Orafo.Ordering.Saga;

/// <summary>When a step of an order is overdue. Section <c>Steps</c>.</summary>
/// <remarks>
/// A step is asked for again when it has not answered in its time, twice as long each time; its command is idempotent. A backlog is no fault: the times are
/// long enough for one, since what waits in a queue is not lost.
/// </remarks>
public sealed class StepOptions
{
    public const string Section = "Steps";

    /// <summary>The states in which an answer is due.</summary>
    internal static readonly string[] Steps =
    [
        nameof(OrderStateMachine.GettingDetails), nameof(OrderStateMachine.Invoicing), nameof(OrderStateMachine.HandingOver),
        nameof(OrderStateMachine.Recalling), nameof(OrderStateMachine.Crediting),
    ];

    public TimeSpan GettingDetails { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>Until the invoice is on paper, or says that it waits for that.</summary>
    public TimeSpan Invoicing { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>Until an invoice that waits for paper is asked after; it says again that it waits.</summary>
    public TimeSpan WaitingForPaper { get; set; } = TimeSpan.FromHours(24);

    public TimeSpan HandingOver { get; set; } = TimeSpan.FromMinutes(30);
    public TimeSpan Recalling { get; set; } = TimeSpan.FromMinutes(30);
    public TimeSpan Crediting { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>So often a step is asked for; when it is overdue once more, the order is suspended.</summary>
    [Range(1, 100)]
    public int MostAttempts { get; set; } = 4;

    /// <summary>How often somebody looks.</summary>
    public TimeSpan LookEvery { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Until the saga is told again that a step is overdue, if it has done nothing about it.</summary>
    public TimeSpan TellAgainAfter { get; set; } = TimeSpan.FromHours(1);

    public TimeSpan Shortest => new[] { GettingDetails, Invoicing, WaitingForPaper, HandingOver, Recalling, Crediting }.Min();

    public bool AreSound => Shortest > TimeSpan.Zero && LookEvery > TimeSpan.Zero && LookEvery <= TimeSpan.FromDays(1) && TellAgainAfter > TimeSpan.Zero;

    /// <summary>How long a step may take that was asked for so often; nothing, in a state that is no step.</summary>
    public TimeSpan Limit(string state, bool waitsForPaper, int attempts)
    {
        var first = state switch
        {
            nameof(OrderStateMachine.GettingDetails) => GettingDetails,
            nameof(OrderStateMachine.Invoicing) => waitsForPaper ? WaitingForPaper : Invoicing,
            nameof(OrderStateMachine.HandingOver) => HandingOver,
            nameof(OrderStateMachine.Recalling) => Recalling,
            nameof(OrderStateMachine.Crediting) => Crediting,
            // What an older version left watched need not be.
            _ => TimeSpan.Zero,
        };
        return first * Math.Pow(2, Math.Min(attempts - 1, 20));
    }
}
