using MassTransit.EntityFrameworkCoreIntegration;

namespace MassTransit;

/// <summary>For a consumer or saga that has somebody in its own process to wake.</summary>
public static class AfterCommitExtensions
{
    /// <summary>Has something done once the delivery's transaction is committed; never, if it is rolled back. Without an outbox, at once.</summary>
    /// <param name="context">The delivery; of a batch, its own, not that of one of its messages.</param>
    /// <param name="wake">Runs on the thread that committed, and is lost if the process dies before: it may wake somebody, and no more.</param>
    public static void AfterCommit(this ConsumeContext context, Action wake)
    {
        if (context.TryGetPayload<ICommittedLater>(out var transaction))
            transaction.AfterCommit(wake);
        else
            wake();
    }
}

/// <summary>A delivery whose transaction is under way.</summary>
internal interface ICommittedLater
{
    void AfterCommit(Action wake);
}
