using Orafo.Evolution;

// One step of the road, by its name: services/Evolution/README.md tells what each is about.
Func<WebApplicationBuilder, Task<WebApplication>>? step = args.FirstOrDefault() switch
{
    "sync-http" => SyncHttp.Build,
    "sync-http-printer" => SyncHttpPrinter.Build,
    "async-http-printer" => AsyncHttpPrinter.Build,
    "async-rabbit-printer" => AsyncRabbitPrinter.Build,
    "rabbit-request-response" => RabbitRequestResponse.Build,
    "async-pgq" => AsyncPgq.Build,
    _ => null,
};
if (step is null)
{
    await Console.Error.WriteLineAsync("Which step? sync-http, sync-http-printer, async-http-printer, async-rabbit-printer, rabbit-request-response or async-pgq.");
    return 1;
}

var builder = WebApplication.CreateBuilder(args[1..]);
builder.Services.AddSingleton<Shop>();
builder.Services.AddSingleton(TimeProvider.System);
var app = await step(builder);
app.MapGet("/health/ready", () => "Healthy");
await app.RunAsync();
return 0;
