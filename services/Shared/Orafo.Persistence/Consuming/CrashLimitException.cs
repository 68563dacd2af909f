namespace MassTransit;

/// <summary>A message came again and again although its consumer was begun each time: most likely, it kills its process.</summary>
/// <remarks>Its consumer was not run this time. Trying again at once is no use.</remarks>
public sealed class CrashLimitException : MassTransitException
{
    public CrashLimitException()
    {
    }

    public CrashLimitException(string message) : base(message)
    {
    }

    public CrashLimitException(string message, Exception innerException) : base(message, innerException)
    {
    }

    /// <param name="messageId">Which message.</param>
    /// <param name="limit">How many attempts were allowed.</param>
    public CrashLimitException(Guid messageId, int limit)
        : base($"The message {messageId} was begun {limit} times after it had come again, and not once brought to an end; it may kill the process of its consumer.")
    {
    }
}
