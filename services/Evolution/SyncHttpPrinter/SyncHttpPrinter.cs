namespace Orafo.Evolution;

/// <summary>Step 2. The invoice is printed by a device, over HTTP, in the handler: what happens to the printer happens to the client.</summary>
/// <remarks>
/// Offline, busy, out of ink, jammed: the order fails, and who ordered must order again. A lost answer, or a crash of this process: the page is out
/// and the client was told that it is not, so the order is half done. No answer: the client waits as long as the handler does.
/// </remarks>
internal static class SyncHttpPrinter
{
    public static Task<WebApplication> Build(WebApplicationBuilder builder)
    {
        var app = builder.Build();
        app.MapPost("/order", async (Order order, Shop shop) =>
        {
            await shop.Details();
            await shop.Print(order);
            await shop.HandOver();
            return TypedResults.Ok(order);
        });
        // Nothing is kept: what a handler was at when its process died is gone.
        app.MapGet("/left", () => 0);
        return Task.FromResult(app);
    }
}
