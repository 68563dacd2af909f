namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>The SQL of what processes tell each other. The channel is named after the table's oid: one for each schema, and short.</summary>
internal static class NewsStatements
{
    /// <summary>Says that there is something in the outbox; $1 is who says it.</summary>
    public const string Tell = "select pg_notify('outbox_message_' || 'outbox_message'::regclass::oid, $1)";

    /// <summary>Listens from now on. In a block, for LISTEN takes no expression.</summary>
    public const string Hear =
        """
        do $$
        begin
            execute format('listen %I', 'outbox_message_' || 'outbox_message'::regclass::oid);
        end
        $$
        """;
}
