using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using Orafo.Contracts;
using Orafo.Ordering.Access;
using Orafo.Ordering.Notifying;
using Orafo.Ordering.Saga;

namespace Orafo.Ordering.Intake;

/// <summary>What the OpenAPI document says beyond what the endpoints say of themselves: who may, and how it looks.</summary>
internal static class ApiDocument
{
    public const string KeyScheme = "apiKey";
    public const string TokenScheme = "token";

    private static readonly JsonSerializerOptions Format = new(JsonSerializerDefaults.Web) { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };
    private static readonly Guid Id = new("019ab1f0-4a3c-7d21-9b5e-6f1c2a7d8e90");
    private static readonly DateTimeOffset At = new(2026, 11, 26, 9, 30, 0, TimeSpan.Zero);

    private static readonly SubmitOrder Order = new() { CustomerNumber = "C-1001", CouponCode = "BENVENUTO10", Lines = [new() { Sku = "MUG-01", Quantity = 2 }] };

    private static readonly Order Stored = new()
    {
        Id = Id,
        Client = "",
        CustomerNumber = Order.CustomerNumber,
        CouponCode = Order.CouponCode,
        Lines = Order.ToOrderLines(),
        SubmittedAt = At,
    };

    private static readonly OrderSaga Invoiced = new()
    {
        CorrelationId = Id,
        CurrentState = nameof(OrderStateMachine.HandingOver),
        InvoiceNumber = "2026-000042",
        Currency = "EUR",
        Gross = 94.79m,
        Timeline =
        [
            new(nameof(OrderStateMachine.GettingDetails), At) { TraceId = "4bf92f3577b34da6a3ce929d0e0e4736", SpanId = "00f067aa0ba902b7" },
            new(nameof(OrderStateMachine.Invoicing), At.AddMilliseconds(40)),
            new(nameof(OrderStateMachine.HandingOver), At.AddSeconds(5)),
        ],
    };

    private const string CallbackUrl = "https://shop.example/orders";

    /// <summary>Of the bytes 0, 1, 2 …</summary>
    private static readonly string Secret = "whsec_" + Convert.ToBase64String([.. Enumerable.Range(0, 32).Select(i => (byte)i)]);

    private static readonly Example NoCallback = new("none", 404, Refusal(Problems.NotFound, "The client has no callback."));

    private static readonly Example[] Refused =
    [
        new("unknown", 404, Refusal(Problems.NotFound, $"There is no order {Id}.")),
        new("away", 503, Refusal(Problems.Unavailable, "The invoice service is away, or busy.")),
    ];

    /// <summary>By the operation's name. A request and an answer of the same name belong together; a test replays each of them.</summary>
    private static readonly Dictionary<string, Example[]> Examples = new(StringComparer.Ordinal)
    {
        ["SubmitOrder"] =
        [
            new("accepted", 202, Json(OrderStatus.Of(Stored)), Json(Order)),
            new("faults", 400, Json(new Problem(Problems.InvalidRequest.Type, Problems.InvalidRequest.Title, 400, null,
            [
                new("/cuponCode", null, "There is no such member."), new("/customerNumber", null, "Required."), new("/lines/0/quantity", null, "A whole number is needed."),
            ])), JsonNode.Parse("""{"cuponCode":"BENVENUTO10","lines":[{"sku":"MUG-01","quantity":"two"}]}""")!),
        ],
        ["ListOrders"] = [new("page", 200, Json(new OrderPage(
            [
                new OrderSummary
                {
                    Id = Id,
                    Status = Invoiced.CurrentState,
                    SubmittedAt = At,
                    CustomerNumber = Order.CustomerNumber,
                    InvoiceNumber = Invoiced.InvoiceNumber,
                    Total = Invoiced.Total,
                    Links = OrderLinks.Of(Id, Invoiced.CurrentState, Invoiced.InvoiceNumber),
                },
            ], new PageLinks($"/orders?after={Id}&limit=1"))))],
        ["GetOrder"] =
        [
            new("invoiced", 200, Json(OrderStatus.Of(Stored, Invoiced) with { EstimatedCompletionAt = At.AddMinutes(2) })),
            new("unknown", 404, Refusal(Problems.NotFound, $"There is no order {Id}.")),
        ],
        ["FollowOrder"] = [new("unknown", 404, Refusal(Problems.NotFound, $"There is no order {Id}."))],
        ["GetInvoice"] = Refused,
        ["GetCreditNote"] = Refused,
        ["CancelOrder"] =
        [
            new("accepted", 202, Accepted(nameof(OrderStateMachine.Invoicing)), Json(new CancelRequest { Reason = "Ordered twice." })),
            new("final", 409, Refusal(Problems.OrderIsFinal, "It is Completed."), Json(new CancelRequest())),
        ],
        ["ResumeOrder"] =
        [
            new("accepted", 202, Accepted(nameof(OrderStateMachine.Suspended))),
            new("running", 409, Refusal(Problems.OrderIsNotSuspended, "It is Invoicing.")),
        ],
        ["PutCallback"] =
        [
            new("first", 201, Json(new ClientCallback(CallbackUrl, At, Secret)), Json(new SetCallback { Url = CallbackUrl })),
            new("again", 200, Json(new ClientCallback(CallbackUrl, At, Secret: null)), Json(new SetCallback { Url = CallbackUrl })),
            new("faults", 400, Json(new Problem(Problems.InvalidRequest.Type, Problems.InvalidRequest.Title, 400, null, [new("/url", null, "It leads to an address that is not public.")])),
                Json(new SetCallback { Url = "https://10.0.0.1/orders" })),
        ],
        ["GetCallback"] = [new("set", 200, Json(new ClientCallback(CallbackUrl, At, Secret: null))), NoCallback],
        ["DeleteCallback"] = [NoCallback],
        ["ReplaceCallbackSecret"] = [new("replaced", 200, Json(new NewSecret(Secret, At.AddHours(24)))), NoCallback],
        ["TestCallback"] = [NoCallback],
        ["ListParkedCallbacks"] = [new("page", 200, Json(new ParkedPage([new(Id, "web-shop", $"{Id}-4", 30, At, "The receiver answered 500.")], new PageLinks(null))))],
        ["RetryParkedCallback"] = [new("unknown", 404, Refusal(Problems.NotFound, $"There is no parked callback {Id}."))],
    };

    /// <summary>The document v1, and v1-3.0 for generators of clients that do not know OpenAPI 3.1 yet.</summary>
    public static IServiceCollection AddApiDocument(this IServiceCollection services) => services
        .AddApiDocument("v1", OpenApiSpecVersion.OpenApi3_1)
        .AddApiDocument("v1-3.0", OpenApiSpecVersion.OpenApi3_0);

    private static IServiceCollection AddApiDocument(this IServiceCollection services, string name, OpenApiSpecVersion version) => services.AddOpenApi(name, options =>
    {
        options.OpenApiVersion = version;
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new() { Title = "Orafo: orders", Version = "v1", Description = "Errors are problem details (RFC 9457); their types are listed in the service's README.md." };
            document.Components ??= new();
            document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>(StringComparer.Ordinal)
            {
                [KeyScheme] = new OpenApiSecurityScheme
                {
                    Type = SecuritySchemeType.ApiKey,
                    In = ParameterLocation.Header,
                    Name = ApiKeyAuthentication.Header,
                    Description = "A key of the client; an operator makes it (keys add).",
                },
                [TokenScheme] = new OpenApiSecurityScheme
                {
                    Type = SecuritySchemeType.Http,
                    Scheme = "bearer",
                    BearerFormat = "JWT",
                    Description = "A token of the identity provider, where one is configured.",
                },
            };
            return Task.CompletedTask;
        });
        // The OpenAPI Format Registry's name, so that clients do not take money for floating point.
        options.AddSchemaTransformer((schema, context, _) =>
        {
            if (context.JsonTypeInfo.Type == typeof(decimal) || context.JsonTypeInfo.Type == typeof(decimal?))
                schema.Format = "decimal";
            return Task.CompletedTask;
        });
        options.AddOperationTransformer((operation, context, _) =>
        {
            if (context.Description.ActionDescriptor.EndpointMetadata.OfType<RequiredScope>().LastOrDefault() is { } required)
            {
                operation.Description = $"{operation.Description} Scope: `{required.Scope}`.".TrimStart();
                operation.Security =
                [
                    new() { [new OpenApiSecuritySchemeReference(KeyScheme, context.Document)] = [] },
                    new() { [new OpenApiSecuritySchemeReference(TokenScheme, context.Document)] = [] },
                ];
            }

            foreach (var example in Examples.GetValueOrDefault(operation.OperationId ?? "") ?? [])
                Show(operation, example);
            return Task.CompletedTask;
        });
    });

    private static void Show(OpenApiOperation operation, Example example)
    {
        var status = example.Status.ToString(System.Globalization.CultureInfo.InvariantCulture);
        Add(operation.Responses![status].Content!.Values.Single(), example.Name, example.Answer);
        if (example.Request is { } request)
            Add(operation.RequestBody!.Content!.Values.Single(), example.Name, request);
    }

    private static void Add(OpenApiMediaType content, string name, JsonNode value) =>
        (content.Examples ??= new Dictionary<string, IOpenApiExample>(StringComparer.Ordinal))[name] = new OpenApiExample { Value = value.DeepClone() };

    private static JsonNode Accepted(string status) => Json(new OrderAccepted(Id, status, OrderLinks.Of(Id, status, invoiceNumber: null)));

    private static JsonNode Refusal(ProblemKind kind, string detail) => Json(new Problem(kind.Type, kind.Title, kind.Status, detail, null));

    private static JsonNode Json<T>(T value) => JsonSerializer.SerializeToNode(value, Format)!;

    private sealed record Example(string Name, int Status, JsonNode Answer, JsonNode? Request = null);
}
