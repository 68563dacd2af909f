using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http.HttpResults;
using Orafo.Printer;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddProblemDetails();
builder.Services.AddSingleton(TimeProvider.System);
builder.Services.AddOptions<PrinterOptions>().BindConfiguration("Printer").ValidateDataAnnotations().ValidateOnStart();
builder.Services.AddSingleton<Device>();

var app = builder.Build();
// Reads what was printed before now, so that a memory that cannot be read stops the start and not the first page.
var device = app.Services.GetRequiredService<Device>();
app.UseExceptionHandler();
app.UseStatusCodePages();
app.MapGet("/health/live", () => "Healthy");
app.MapGet("/health/ready", () => "Healthy");
app.MapPost("/print", (PrintRequest request, HttpContext http, CancellationToken cancellationToken) => Print(null, request, http, cancellationToken));
app.MapPost("/trays/{tray:int}/print", async (int tray, PrintRequest request, HttpContext http, CancellationToken cancellationToken) =>
    tray >= 1 && tray <= device.TrayCount
        ? await Print(tray, request, http, cancellationToken)
        : TypedResults.Problem(title: "There is no such tray.", statusCode: StatusCodes.Status404NotFound));
app.MapGet("/pages", () => device.Papers);
app.MapGet("/pages/{invoiceNumber}", Results<Ok<Page>, NotFound> (string invoiceNumber) =>
    device.Find(invoiceNumber) is { } page ? TypedResults.Ok(page) : TypedResults.NotFound());
app.MapGet("/faults", () => device.FaultReport);
app.MapPut("/faults", Results<NoContent, ValidationProblem> (Faults faults) =>
{
    if (faults.Mistakes() is { Count: > 0 } mistakes)
        return TypedResults.ValidationProblem(mistakes);
    device.Set(faults);
    return TypedResults.NoContent();
});
await app.RunAsync();

async Task<IResult> Print(int? tray, PrintRequest request, HttpContext http, CancellationToken cancellationToken)
{
    if (request.InvoiceNumber is null || !InvoiceNumber().IsMatch(request.InvoiceNumber))
        return TypedResults.ValidationProblem(new Dictionary<string, string[]> { ["invoiceNumber"] = ["1 to 64 letters, digits, dots, dashes and slashes."] });
    try
    {
        if (!await device.Hears(cancellationToken))
            return HangUp(http);
        var printed = request.Anew ? null : device.Find(request.InvoiceNumber);
        // Who hangs up does not stop the page, and finds it printed when asking again.
        var page = printed
            ?? await (request.Anew ? device.PrintAnew(request.InvoiceNumber, tray) : device.Print(request.InvoiceNumber, tray)).WaitAsync(cancellationToken);
        return device.Answers() ? TypedResults.Ok(new PrintResult(page.InvoiceNumber, page.Tray, page.PrintedAt, AlreadyPrinted: printed is not null)) : HangUp(http);
    }
    catch (PrinterException e)
    {
        if (e.RetryAfter is { } after)
            http.Response.Headers.RetryAfter = Math.Ceiling(after.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        return TypedResults.Problem(title: e.Message, statusCode: StatusCodes.Status503ServiceUnavailable);
    }
}

static IResult HangUp(HttpContext http)
{
    http.Abort();
    return TypedResults.Empty;
}

internal sealed partial class Program
{
    [GeneratedRegex(@"^[A-Za-z0-9./-]{1,64}\z", RegexOptions.NonBacktracking)]
    private static partial Regex InvoiceNumber();
}
