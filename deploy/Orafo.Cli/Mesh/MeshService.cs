namespace Orafo.Cli.Mesh;

/// <summary>A service of the mesh: what it is called in each of the places where it has a name.</summary>
/// <param name="Name">On the command line and in tables.</param>
/// <param name="Project">Its assembly.</param>
/// <param name="Database">Its database and the role it runs as; the owner's role is the same with <c>_owner</c>.</param>
/// <param name="Port">The usual one.</param>
/// <param name="Queues">What it consumes; its errors are in the queue of that name with <c>_error</c>.</param>
public sealed record MeshService(string Name, string Project, string Database, int Port, params IReadOnlyList<string> Queues)
{
    public const string Ordering = "ordering";
    public const string OrderDetails = "order-details";
    public const string Invoicing = "invoicing";
    public const string HandOver = "hand-over";

    /// <summary>The devices are no services: they have neither database nor queue.</summary>
    public const string Printer = "printer";

    public const string PrinterProject = "Orafo.Printer";
    public const int PrinterPort = 8091;
    public const string Carrier = "carrier";
    public const string CarrierProject = "Orafo.Carrier";
    public const int CarrierPort = 8095;
    public const string VirtualHost = "orafo";

    /// <summary>The role of the audit, which may only read, in every database.</summary>
    public const string AuditRole = "orafo_audit";

    /// <summary>In the order in which an order meets them.</summary>
    public static IReadOnlyList<MeshService> All { get; } =
    [
        new(Ordering, "Orafo.Ordering", "orafo_ordering", 8090, "order-saga"),
        new(OrderDetails, "Orafo.OrderDetails", "orafo_order_details", 8092, "order-details", "order-completion", "order-release"),
        new(Invoicing, "Orafo.Invoicing", "orafo_invoicing", 8093, "invoice", "credit-note"),
        new(HandOver, "Orafo.HandOver", "orafo_hand_over", 8094, "hand-over", "hand-over-recall"),
    ];

    /// <summary>The role that owns the database and migrates it.</summary>
    public string Owner => Database + "_owner";

    /// <summary>As it stands in the variables of deploy/postgres/services.sql and docker-compose.yml: ORAFO_<c>ORDER_DETAILS</c>_PASSWORD.</summary>
    public string Variable => Name.Replace('-', '_').ToUpperInvariant();

    public static MeshService Named(string name) => All.Single(service => service.Name == name);
}
