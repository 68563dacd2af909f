using Orafo.Contracts;

namespace Orafo.Ordering.Tests;

/// <summary>
/// A cancellation at any moment, among messages that come late, twice and in any order, steps that fail, are overdue or are resumed: the order comes to an
/// end, and the books of all services agree with it.
/// </summary>
public sealed class Any_cancellation
{
    private const int Schedules = 40;

    /// <remarks>A seed is a schedule; the log says what happened in it.</remarks>
    [Test]
    public async Task Ends_in_a_final_state_with_the_books_in_order([Range(0, 9)] int tenth)
    {
        for (var seed = tenth * Schedules; seed < (tenth + 1) * Schedules; seed++)
        {
            await using var order = await OrderJourney.Start("GettingDetails");
            var schedule = new Schedule(order, seed);
            await schedule.Run();
            schedule.Check();
        }
    }

    [Test]
    public async Task Reaches_every_end()
    {
        HashSet<string> ends = [];
        for (var seed = 10_000; seed < 10_100; seed++)
        {
            await using var order = await OrderJourney.Start("GettingDetails");
            var schedule = new Schedule(order, seed);
            await schedule.Run();
            ends.Add($"{order.Saga.CurrentState}, {schedule.Shop.Invoices} invoices, {(schedule.Shop.IsBooked ? "booked" : "not booked")}");
        }

        Assert.That(ends, Is.SupersetOf(new[]
        {
            "Completed, 1 invoices, booked", "Rejected, 0 invoices, not booked", "Cancelled, 0 invoices, not booked", "Cancelled, 1 invoices, not booked",
            "Cancelled, 1 invoices, booked",
        }));
    }

    private sealed class Schedule
    {
        private readonly OrderJourney _order;
        private readonly Random _random;
        private readonly List<object> _underWay;
        private readonly List<string> _log = [];
        private int _heard;
        private bool _isCancelled;

        public Schedule(OrderJourney order, int seed)
        {
            (_order, _random) = (order, new Random(seed));
            Shop = new Shop(order, _random);
            _underWay = [order.Saga.GetDetails()];
            _log.Add($"seed {seed}");
        }

        public Shop Shop { get; }

        private bool IsOver => _order.Saga.CurrentState is "Completed" or "Rejected" or "Cancelled";

        public async Task Run()
        {
            var cancelAfter = _random.Next(14);
            for (var step = 0; step < 40 && !(IsOver && _underWay.Count == 0); step++)
            {
                if (step == cancelAfter || _random.Next(30) == 0)
                    Cancel();
                else if (_order.Saga.CurrentState == "Suspended" && _random.Next(4) == 0)
                    _underWay.Add(_order.Resume);
                else if (_order.Saga is { IsWatched: true, OverdueToldAt: null } && _random.Next(8) == 0)
                    FindOverdue();
                else
                    await DeliverAny(mayComeTwice: true);
                Shop.MaybePickUp();
            }

            Shop.IsUnlucky = false;
            for (var patience = 0; !(IsOver && _underWay.Count == 0); patience++)
            {
                Assert.That(patience, Is.LessThan(200), () => $"It never ends:\n{string.Join('\n', _log)}");
                if (_underWay.Count > 0)
                    await DeliverAny(mayComeTwice: false);
                else if (_order.Saga.CurrentState == "Suspended")
                    _underWay.Add(_order.Resume);
                else
                    FindOverdue();
            }
        }

        public void Check()
        {
            var said = _order.Said.CountBy(message => message.GetType()).ToDictionary();
            var ends = (said.GetValueOrDefault(typeof(OrderCompleted)), said.GetValueOrDefault(typeof(OrderCancelled)), said.GetValueOrDefault(typeof(OrderRejected)));
            using (Assert.EnterMultipleScope())
            {
                switch (_order.Saga.CurrentState)
                {
                    case "Completed":
                        Is((1, 0, 0), ends);
                        Is((true, true, false), (Shop.IsReserved, Shop.IsRedeemed, Shop.IsReleased));
                        Is((1, 0, true), (Shop.Invoices, Shop.CreditNotes, Shop.IsPrinted));
                        Is((true, false), (Shop.IsBooked, Shop.IsRecalled));
                        break;
                    case "Cancelled":
                        Is((0, 1, 0), ends);
                        Is(true, _isCancelled);
                        Is((false, false, true), (Shop.IsReserved, Shop.IsRedeemed, Shop.IsReleased));
                        Is(Shop.Invoices, Shop.CreditNotes);
                        Is((false, true), (Shop.IsPickedUp, Shop.IsRecalled || !Shop.IsBooked));
                        break;
                    default:
                        Is((0, 0, 1), ends);
                        Is((false, 0, false), (Shop.IsReserved, Shop.Invoices, Shop.IsBooked));
                        break;
                }
            }

            void Is<T>(T expected, T actual) => Assert.That(actual, NUnit.Framework.Is.EqualTo(expected), () => string.Join('\n', _log));
        }

        private void Cancel()
        {
            _isCancelled = true;
            _underWay.Add(_order.Cancel);
        }

        /// <summary>As the service does: noted, and told.</summary>
        private void FindOverdue()
        {
            _order.Saga.OverdueToldAt = TimeProvider.System.GetUtcNow();
            _underWay.Add(_order.StepOverdue);
        }

        private async Task DeliverAny(bool mayComeTwice)
        {
            if (_underWay.Count == 0)
                return;
            var message = _underWay[_random.Next(_underWay.Count)];
            if (!mayComeTwice || _random.Next(6) != 0)
                _underWay.Remove(message);
            _log.Add($"{_order.Saga.CurrentState} on {message.GetType().Name}");
            if (message is GetOrderDetails or GenerateInvoice or CreditInvoice or HandOverOrder or RecallHandOver or OrderCancelled or OrderCompleted or OrderRejected)
                _underWay.AddRange(Shop.Hear(message));
            else
                Assert.That(await _order.Receives(message), Is.Null, () => string.Join('\n', _log));
            _underWay.AddRange(_order.Said.Skip(_heard));
            _heard = _order.Said.Count;
        }
    }
}
