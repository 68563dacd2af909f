using System.Reflection;
using System.Runtime.Loader;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using NJsonSchema.CodeGeneration.CSharp;
using NSwag;
using NSwag.CodeGeneration.CSharp;
using NSwag.CodeGeneration.OperationNameGenerators;
using Orafo.Testing;

namespace Orafo.Mesh.Tests;

/// <summary>What a client's developer does: generates the client from the API's description, and writes a program against it.</summary>
public sealed class A_generated_client
{
    private const string Program =
        """
        using System;
        using System.Collections.Generic;
        using System.Net.Http;
        using System.Threading.Tasks;
        using Shop;

        public static class Program
        {
            public static async Task<string[]> Run(HttpClient http, Func<Task<IDisposable>> pausePrinter)
            {
                var orders = new OrdersClient(http);
                var order = new SubmitOrder { CustomerNumber = "C-1001", Lines = [new SubmitOrderLine { Sku = "MUG-01", Quantity = 1 }] };
                var key = Guid.NewGuid().ToString();
                var placed = await orders.SubmitOrderAsync(key, null, order);
                var again = await orders.SubmitOrderAsync(key, null, order);
                var completed = await Follow(placed.Id);

                Guid second;
                using (await pausePrinter())
                {
                    second = (await orders.SubmitOrderAsync(null, null, order)).Id;
                    await orders.CancelOrderAsync(second, new CancelRequest { Reason = "Ordered twice." });
                    // That was accepted, and is done later: until then its page must not come out.
                    var looks = 0;
                    while ((await orders.GetOrderAsync(second, null, null)).Status is not ("Crediting" or "Recalling" or "Cancelled") && ++looks < 3600)
                        await Task.Delay(50); // The interval of looking, not the time to wait.
                }

                var cancelled = await Follow(second);
                string refusal = "";
                try
                {
                    await orders.SubmitOrderAsync(null, null, new SubmitOrder { CustomerNumber = "", Lines = [] });
                }
                catch (ApiException<Problem> e)
                {
                    refusal = $"{e.StatusCode} {e.Result.Errors.Count}";
                }

                decimal total = completed.Total?.Amount ?? 0;
                return [placed.Status, (again.Id == placed.Id).ToString(), completed.Status, cancelled.Status, cancelled.CancelledBecause ?? "", (total > 0).ToString(), refusal];

                // A minute is the longest that a request waits, and a busy machine may take longer.
                async Task<OrderStatus> Follow(Guid id)
                {
                    OrderStatus status;
                    var requests = 0;
                    do
                        status = await orders.GetOrderAsync(id, ["wait=60"], null);
                    while (status.Status is not ("Completed" or "Rejected" or "Cancelled" or "Suspended") && ++requests < 10);
                    return status;
                }
            }
        }
        """;

    [Test]
    public async Task Places_follows_and_cancels_orders()
    {
        await using var mesh = await Testing.Mesh.StartAsync(printSeconds: 0.3);
        var document = await OpenApiDocument.FromJsonAsync(await mesh.Api.GetStringAsync(new Uri("openapi/v1-3.0.json", UriKind.Relative)));
        var source = new CSharpClientGenerator(document, new()
        {
            ClassName = "OrdersClient",
            UseBaseUrl = false,
            OperationNameGenerator = new SingleClientFromOperationIdOperationNameGenerator(),
            CSharpGeneratorSettings = { Namespace = "Shop", JsonLibrary = CSharpJsonLibrary.SystemTextJson, GenerateNullableReferenceTypes = true },
        }).GenerateFile();

        var run = Compile(source, Program).GetType("Program")!.GetMethod("Run")!;
        using var http = await mesh.ConnectAsync();
        var said = await (Task<string[]>)run.Invoke(null, [http, new Func<Task<IDisposable>>(() => mesh.PauseAsync("printer"))])!;
        Assert.That(said, Is.EqualTo(new[] { "Submitted", "True", "Completed", "Cancelled", "Ordered twice.", "True", "400 2" }), source);
    }

    private static Assembly Compile(params ReadOnlySpan<string> sources)
    {
        var references = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator).Select(file => MetadataReference.CreateFromFile(file));
        List<SyntaxTree> trees = [];
        foreach (var source in sources)
            trees.Add(CSharpSyntaxTree.ParseText(source));
        using var image = new MemoryStream();
        var result = CSharpCompilation.Create("Shop", trees, references, new(OutputKind.DynamicallyLinkedLibrary)).Emit(image);
        Assert.That(result.Diagnostics.Where(problem => problem.Severity == DiagnosticSeverity.Error), Is.Empty, sources[0]);
        image.Position = 0;
        return AssemblyLoadContext.Default.LoadFromStream(image);
    }
}
