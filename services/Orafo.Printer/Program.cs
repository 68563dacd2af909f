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
app.MapPost("/print", Print);
app.MapGet("/pages", () => device.Pages);
app.MapGet("/pages/{invoiceNumber}", Results<Ok<Page>, NotFound> (string invoiceNumber) =>
    device.Find(invoiceNumber) is { } page ? TypedResults.Ok(page) : TypedResults.NotFound());
await app.RunAsync();

async Task<Results<Ok<PrintResult>, ValidationProblem>> Print(PrintRequest request, CancellationToken cancellationToken)
{
    if (request.InvoiceNumber is null || !InvoiceNumber().IsMatch(request.InvoiceNumber))
        return TypedResults.ValidationProblem(new Dictionary<string, string[]> { ["invoiceNumber"] = ["1 to 64 letters, digits, dots, dashes and slashes."] });
    if (device.Find(request.InvoiceNumber) is { } printed)
        return TypedResults.Ok(new PrintResult(printed.InvoiceNumber, printed.Tray, printed.PrintedAt, AlreadyPrinted: true));

    // Who hangs up does not stop the page, and finds it printed when asking again.
    var page = await device.Print(request.InvoiceNumber).WaitAsync(cancellationToken);
    return TypedResults.Ok(new PrintResult(page.InvoiceNumber, page.Tray, page.PrintedAt, AlreadyPrinted: false));
}

internal sealed partial class Program
{
    [GeneratedRegex(@"^[A-Za-z0-9./-]{1,64}\z", RegexOptions.NonBacktracking)]
    private static partial Regex InvoiceNumber();
}
