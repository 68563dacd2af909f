using MassTransit.EntityFrameworkCoreIntegration;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace MassTransit;

/// <summary>Puts the inbox and the outbox into a DbContext's model. Names are written out: the relay's SQL uses them.</summary>
public static class TransactionalOutboxModelBuilderExtensions
{
    /// <summary>Tables <c>inbox_state</c> and <c>inbox_attempt</c>.</summary>
    /// <param name="modelBuilder">The model.</param>
    /// <param name="callback">Adds to the former.</param>
    public static void AddInboxStateEntity(this ModelBuilder modelBuilder, Action<EntityTypeBuilder<InboxState>>? callback = null)
    {
        var inbox = modelBuilder.Entity<InboxState>();
        inbox.ConfigureInboxStateEntity();
        callback?.Invoke(inbox);

        var attempt = modelBuilder.Entity<InboxAttempt>();
        attempt.ToTable("inbox_attempt");
        attempt.HasKey(x => new { x.MessageId, x.ConsumerId }).HasName("pk_inbox_attempt");
        attempt.Property(x => x.MessageId).HasColumnName("message_id");
        attempt.Property(x => x.ConsumerId).HasColumnName("consumer_id");
        attempt.Property(x => x.Attempts).HasColumnName("attempts");
        attempt.Property(x => x.Begun).HasColumnName("begun").HasDefaultValueSql("now()");
    }

    /// <summary>The same where the entity is in the model already.</summary>
    public static void ConfigureInboxStateEntity(this EntityTypeBuilder<InboxState> inbox)
    {
        inbox.ToTable("inbox_state");
        inbox.HasKey(x => new { x.MessageId, x.ConsumerId }).HasName("pk_inbox_state");
        inbox.Property(x => x.MessageId).HasColumnName("message_id");
        inbox.Property(x => x.ConsumerId).HasColumnName("consumer_id");
        inbox.Property(x => x.Consumed).HasColumnName("consumed").HasDefaultValueSql("now()");
        inbox.HasIndex(x => x.Consumed).HasDatabaseName("ix_inbox_state_consumed");
        // Seven days of messages are a large table: a fifth of it dead before anybody cleans up is too much.
        inbox.HasStorageParameter("autovacuum_vacuum_scale_factor", 0.01);
    }

    /// <summary>Table <c>outbox_message</c>.</summary>
    /// <param name="modelBuilder">The model.</param>
    /// <param name="callback">Adds to it.</param>
    public static void AddOutboxMessageEntity(this ModelBuilder modelBuilder, Action<EntityTypeBuilder<OutboxMessage>>? callback = null)
    {
        var outbox = modelBuilder.Entity<OutboxMessage>();
        outbox.ConfigureOutboxMessageEntity();
        callback?.Invoke(outbox);
    }

    /// <summary>The same where the entity is in the model already.</summary>
    public static void ConfigureOutboxMessageEntity(this EntityTypeBuilder<OutboxMessage> outbox)
    {
        outbox.ToTable("outbox_message");
        outbox.HasKey(x => new { x.OutboxId, x.SequenceNumber }).HasName("pk_outbox_message");
        outbox.Property(x => x.SequenceNumber).HasColumnName("sequence_number").UseIdentityAlwaysColumn();
        outbox.Property(x => x.OutboxId).HasColumnName("outbox_id");
        outbox.Property(x => x.IsFirst).HasColumnName("is_first");
        outbox.Property(x => x.Due).HasColumnName("due").HasDefaultValueSql("now()");
        outbox.Property(x => x.Attempts).HasColumnName("attempts");
        outbox.Property(x => x.Failures).HasColumnName("failures").HasDefaultValue(0);
        outbox.Property(x => x.LastError).HasColumnName("last_error");
        outbox.Property(x => x.MessageId).HasColumnName("message_id");
        outbox.Property(x => x.ConversationId).HasColumnName("conversation_id");
        outbox.Property(x => x.CorrelationId).HasColumnName("correlation_id");
        outbox.Property(x => x.InitiatorId).HasColumnName("initiator_id");
        outbox.Property(x => x.RequestId).HasColumnName("request_id");
        outbox.Property(x => x.SourceAddress).HasColumnName("source_address");
        outbox.Property(x => x.DestinationAddress).HasColumnName("destination_address");
        outbox.Property(x => x.ResponseAddress).HasColumnName("response_address");
        outbox.Property(x => x.FaultAddress).HasColumnName("fault_address");
        outbox.Property(x => x.SentTime).HasColumnName("sent_time");
        outbox.Property(x => x.ExpirationTime).HasColumnName("expiration_time");
        outbox.Property(x => x.Headers).HasColumnName("headers");
        outbox.Property(x => x.Properties).HasColumnName("properties");
        outbox.Property(x => x.ContentType).HasColumnName("content_type");
        outbox.Property(x => x.MessageType).HasColumnName("message_type");
        outbox.Property(x => x.Body).HasColumnName("body");
        outbox.HasIndex(x => x.Due, "due").HasFilter("is_first and attempts = 0").HasDatabaseName("ix_outbox_message_due");
        outbox.HasIndex(x => x.Due, "refused").HasFilter("is_first and attempts > 0").HasDatabaseName("ix_outbox_message_refused");
        // Nearly empty, and every row dies within moments: cleaned up by count, at every round of the autovacuum, and without a pause in between.
        outbox.HasStorageParameter("autovacuum_vacuum_scale_factor", 0);
        outbox.HasStorageParameter("autovacuum_vacuum_threshold", 1000);
        outbox.HasStorageParameter("autovacuum_vacuum_cost_delay", 0);
        outbox.Ignore(x => x.IsScheduled);
        outbox.Ignore(x => x.InMemory);
    }

    /// <summary>Accepted for code written for MassTransit.EntityFrameworkCore; nothing here needs a table of outboxes.</summary>
    /// <param name="modelBuilder">Stays as it is.</param>
    /// <param name="callback">Not called: there is no such entity.</param>
    public static void AddOutboxStateEntity(this ModelBuilder modelBuilder, Action<EntityTypeBuilder<OutboxState>>? callback = null) =>
        ArgumentNullException.ThrowIfNull(modelBuilder);

    /// <summary>Inbox and outbox in one call.</summary>
    /// <param name="modelBuilder">The model.</param>
    /// <param name="callback">Adds to each of them.</param>
    public static void AddTransactionalOutboxEntities(this ModelBuilder modelBuilder, Action<EntityTypeBuilder>? callback = null)
    {
        modelBuilder.AddInboxStateEntity(callback);
        modelBuilder.AddOutboxMessageEntity(callback);
    }
}
