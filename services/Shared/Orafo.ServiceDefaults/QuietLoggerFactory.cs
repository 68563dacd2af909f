using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Orafo.ServiceDefaults;

/// <summary>Has MassTransit say the same warning once a minute at most: while the broker is away it warns of every message and every connection.</summary>
/// <remarks>The same is what has the same text before it is filled in. What a message failed with in the end (R-FAULT) is logged each time.</remarks>
internal sealed class QuietLoggerFactory(ILoggerFactory others, TimeProvider time) : ILoggerFactory
{
    private const string Transport = "MassTransit.ReceiveTransport";

    public ILogger CreateLogger(string categoryName)
    {
        var logger = others.CreateLogger(categoryName);
        return categoryName switch
        {
            "MassTransit" => new Quiet(logger, LogLevel.Critical, time),
            Transport => new Quiet(logger, LogLevel.Warning, time),
            _ => logger,
        };
    }

    public void AddProvider(ILoggerProvider provider) => others.AddProvider(provider);

    public void Dispose() => others.Dispose();

    /// <param name="others">Where it goes.</param>
    /// <param name="loudest">What is above it is always said.</param>
    /// <param name="time">The clock.</param>
    private sealed class Quiet(ILogger others, LogLevel loudest, TimeProvider time) : ILogger
    {
        private static readonly TimeSpan Pause = TimeSpan.FromMinutes(1);
        private readonly ConcurrentDictionary<string, long> _said = [];

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => others.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) => others.IsEnabled(logLevel);

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (logLevel < LogLevel.Warning || logLevel > loudest || IsNew(Text(state) ?? formatter(state, exception)))
                others.Log(logLevel, eventId, state, exception, formatter);
        }

        private static string? Text<TState>(TState state) =>
            state is IReadOnlyList<KeyValuePair<string, object?>> { Count: > 0 } values && values[values.Count - 1].Value is string text ? text : null;

        private bool IsNew(string text)
        {
            var now = time.GetTimestamp();
            var said = _said.AddOrUpdate(text, now, (_, last) => time.GetElapsedTime(last, now) < Pause ? last : now);
            return said == now;
        }
    }
}
