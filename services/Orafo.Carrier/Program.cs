using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http.HttpResults;
using Orafo.Carrier;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddProblemDetails();
builder.Services.AddSingleton(TimeProvider.System);
builder.Services.AddOptions<CarrierOptions>().BindConfiguration("Carrier").ValidateDataAnnotations().ValidateOnStart();
builder.Services.AddSingleton<Depot>();

var app = builder.Build();
// Reads what was booked before now, so that books that cannot be read stop the start and not the first parcel.
var depot = app.Services.GetRequiredService<Depot>();
app.UseExceptionHandler();
app.UseStatusCodePages();
app.MapGet("/health/live", () => "Healthy");
app.MapGet("/health/ready", () => "Healthy");
var parcels = app.MapGroup("/parcels").AddEndpointFilter(async (call, next) =>
{
    var answer = await next(call);
    await depot.Saved();
    return answer;
});
parcels.MapGet("/", () => depot.Parcels);
parcels.MapGet("/{key}", (string key, HttpContext http, CancellationToken stop) =>
    Answer(http, key, () => depot.Find(key) is { } parcel ? TypedResults.Ok(parcel) : TypedResults.NotFound(), stop));
parcels.MapPut("/{key}", Book);
parcels.MapDelete("/{key}", (string key, HttpContext http, CancellationToken stop) => Answer(http, key, () => TypedResults.Ok(depot.Recall(key)), stop));
// What a person with a van does; not among what can go wrong on the wire.
parcels.MapPost("/{trackingNumber}/pick-up", Results<Ok<Parcel>, NotFound> (string trackingNumber) =>
    depot.PickUp(trackingNumber) is { } parcel ? TypedResults.Ok(parcel) : TypedResults.NotFound());
app.MapGet("/faults", () => depot.FaultReport);
app.MapPut("/faults", Results<NoContent, ValidationProblem> (Faults faults) =>
{
    if (faults.Mistakes() is { Count: > 0 } mistakes)
        return TypedResults.ValidationProblem(mistakes);
    depot.Set(faults);
    return TypedResults.NoContent();
});
await app.RunAsync();

Task<IResult> Book(string key, ParcelRequest request, HttpContext http, CancellationToken stop) => Answer(
    http,
    key,
    () =>
    {
        // Not every country has postal codes.
        if (request is not { Recipient: { Name.Length: > 0, PostalCode: not null, City.Length: > 0, Country.Length: 2 }, Items.Count: > 0 })
            return TypedResults.ValidationProblem(new Dictionary<string, string[]> { ["recipient"] = ["Name, postal code (which may be empty), city and country are needed, and at least one item."] });
        var (parcel, isNew) = depot.Book(key, request.Recipient.PostalCode);
        return isNew ? TypedResults.Created($"/parcels/{key}", parcel) : TypedResults.Ok(parcel);
    },
    stop);

async Task<IResult> Answer(HttpContext http, string key, Func<IResult> answer, CancellationToken stop)
{
    if (!Key().IsMatch(key))
        return TypedResults.ValidationProblem(new Dictionary<string, string[]> { ["key"] = ["1 to 64 letters, digits and dashes."] });
    try
    {
        if (!await depot.Hears(stop))
            return HangUp(http);
        var result = answer();
        return depot.Answers() ? result : HangUp(http);
    }
    catch (CarrierException e)
    {
        if (e.RetryAfter is { } after)
            http.Response.Headers.RetryAfter = Math.Ceiling(after.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        return TypedResults.Problem(type: "/problems/" + e.Type, title: e.Message, statusCode: e.Status);
    }
}

static IResult HangUp(HttpContext http)
{
    http.Abort();
    return TypedResults.Empty;
}

internal sealed partial class Program
{
    [GeneratedRegex(@"^[A-Za-z0-9-]{1,64}\z", RegexOptions.NonBacktracking)]
    private static partial Regex Key();
}
