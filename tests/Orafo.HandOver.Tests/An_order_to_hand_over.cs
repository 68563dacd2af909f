using MassTransit;
using Microsoft.EntityFrameworkCore;
using Orafo.Contracts;
using Orafo.Testing;

namespace Orafo.HandOver.Tests;

public sealed class An_order_to_hand_over
{
    private static readonly HandOverOrder Command = new()
    {
        OrderId = Guid.CreateVersion7(),
        CustomerNumber = "C-1001",
        InvoiceNumber = "2026-000001",
        DeliverTo = new() { Name = "Orafo", Street = "Via Maggio 11", PostalCode = "50125", City = "Firenze", Country = "IT" },
        Lines = [new() { Sku = "MUG-01", Quantity = 2 }],
        Total = new Money(12.20m, "EUR"),
    };

    [Test]
    public async Task Is_handed_over_once_however_often_the_step_is_repeated()
    {
        await using var service = await ConsumerHarness<HandOverDb>.StartAsync(
            bus =>
            {
                bus.AddConsumer<HandOverOrderConsumer, HandOverOrderDefinition>();
                bus.AddPrefetch<HandOverPrefetch>();
            }, null, null, typeof(OrderHandedOver));
        await service.Deliver(Command);
        var first = (await service.Hears<OrderHandedOver>()).Single();
        await service.Deliver(Command);
        var both = await service.Hears<OrderHandedOver>(2);

        var row = await service.Look(db => db.HandOvers.SingleAsync());
        using (Assert.EnterMultipleScope())
        {
            Assert.That(both, Is.All.EqualTo(both[0]));
            Assert.That(first.OrderId, Is.EqualTo(Command.OrderId));
            Assert.That((row.OrderId, row.InvoiceNumber, row.Currency, row.Total), Is.EqualTo((Command.OrderId, "2026-000001", "EUR", 12.20m)));
            Assert.That(row.DeliverTo, Is.EqualTo(Command.DeliverTo));
            Assert.That(row.Lines, Is.EqualTo(Command.Lines));
        }
    }
}
