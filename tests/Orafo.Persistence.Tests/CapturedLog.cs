using System.Collections.Concurrent;
using System.Diagnostics;

namespace Orafo.Persistence.Tests;

/// <summary>Keeps what is logged.</summary>
internal sealed class CapturedLog : ILoggerProvider
{
    private readonly ConcurrentQueue<LogLine> _lines = [];

    public IReadOnlyCollection<LogLine> Lines => _lines;

    public ILogger CreateLogger(string categoryName) => new Logger(categoryName, _lines);

    public void Dispose()
    {
        // There is nothing to give back; what was logged is asked for afterwards.
    }

    private sealed class Logger(string category, ConcurrentQueue<LogLine> lines) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            lines.Enqueue(new LogLine(Stopwatch.GetTimestamp(), logLevel, category, Template(state), formatter(state, exception), exception));

        private static string Template<TState>(TState state) =>
            state is IReadOnlyList<KeyValuePair<string, object?>> { Count: > 0 } values && values[values.Count - 1] is { Key: "{OriginalFormat}", Value: string template } ? template : "";
    }
}

/// <param name="At">As <see cref="Stopwatch"/> tells it.</param>
/// <param name="Level">How loud.</param>
/// <param name="Category">Of whom.</param>
/// <param name="Template">Not filled in.</param>
/// <param name="Text">Filled in.</param>
/// <param name="Exception">What was thrown.</param>
internal sealed record LogLine(long At, LogLevel Level, string Category, string Template, string Text, Exception? Exception)
{
    /// <summary>Said by our own code.</summary>
    public bool IsOurs => Category.StartsWith("Orafo.", StringComparison.Ordinal) || Category.StartsWith("MassTransit.EntityFrameworkCoreIntegration.", StringComparison.Ordinal);
}
