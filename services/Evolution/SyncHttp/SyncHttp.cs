namespace Orafo.Evolution;

/// <summary>Step 1. Everything in the handler: the client waits for all of it.</summary>
internal static class SyncHttp
{
    public static Task<WebApplication> Build(WebApplicationBuilder builder)
    {
        var app = builder.Build();
        app.MapPost("/order", async (Order order, Shop shop, TimeProvider time) =>
        {
            await shop.Details();
            // The invoice: 5 s.
            await Task.Delay(shop.Scaled(5), time);
            await shop.HandOver();
            return TypedResults.Ok(order);
        });
        app.MapGet("/left", () => 0);
        return Task.FromResult(app);
    }
}
