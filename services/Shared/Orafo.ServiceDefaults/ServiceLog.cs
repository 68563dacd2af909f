using Microsoft.Extensions.Logging;

namespace Orafo.ServiceDefaults;

/// <summary>What every service says.</summary>
internal static partial class ServiceLog
{
    [LoggerMessage(LogLevel.Warning, "The {System} fails and is left alone for a while, again and again: {Error}")]
    public static partial void LeftAlone(ILogger logger, string system, string error);

    [LoggerMessage(LogLevel.Information, "The {System} works again")]
    public static partial void WorksAgain(ILogger logger, string system);

    [LoggerMessage(LogLevel.Warning, "Nothing listens at {Host}:{Port}, where RabbitMQ should be: {Refusal}. Looked for until it does")]
    public static partial void NothingListens(ILogger logger, string host, int port, string refusal);

    [LoggerMessage(LogLevel.Warning, "The database lacks the migration {Migration}, and nobody is served before it has it. Run {Service} migrate, as the database's owner")]
    public static partial void NotMigrated(ILogger logger, string migration, string service);

    [LoggerMessage(LogLevel.Warning, "The service waits for its database: {Error}")]
    public static partial void NotPrepared(ILogger logger, string error);

    [LoggerMessage(LogLevel.Information, "Warmed up {What} in {Milliseconds:0} ms")]
    public static partial void WarmedUp(ILogger logger, string what, double milliseconds);

    [LoggerMessage(LogLevel.Warning, "The service starts without having warmed up: {Error}")]
    public static partial void NotWarmedUp(ILogger logger, string error);
}
