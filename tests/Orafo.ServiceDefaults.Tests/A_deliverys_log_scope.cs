using System.Reflection;
using MassTransit;
using Microsoft.Extensions.Logging;

namespace Orafo.ServiceDefaults.Tests;

/// <summary>Begun for each delivery, written for few: what it costs those of which nothing is said.</summary>
public sealed class A_deliverys_log_scope
{
    private const int Deliveries = 10_000;

    /// <summary>In bytes: the scope, its place in the execution context, and nothing for what would be in a line.</summary>
    private const long Most = 400;

    [Test]
    public void Asks_nothing_and_allocates_little_unless_a_line_is_written()
    {
        // Whatever it is asked, it throws.
        var delivery = DispatchProxy.Create<ReceiveContext, Mute>();
        using var factory = LoggerFactory.Create(logging => logging.AddProvider(new Writer()));
        var logger = factory.CreateLogger("deliveries");
        Begin(logger, delivery, 100);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Begin(logger, delivery, Deliveries);
        Assert.That((GC.GetAllocatedBytesForCurrentThread() - before) / Deliveries, Is.LessThan(Most));
    }

    private static void Begin(ILogger logger, ReceiveContext delivery, int times)
    {
        for (var time = 0; time < times; time++)
        {
            using (logger.BeginScope(new MessageLogScope(delivery)))
            {
            }
        }
    }

#pragma warning disable CA1852 // The proxy is derived from it when it is made.
    private class Mute : DispatchProxy
#pragma warning restore CA1852
    {
        protected override object Invoke(MethodInfo? targetMethod, object?[]? args) => throw new InvalidOperationException($"{targetMethod?.Name} is asked.");
    }

    /// <summary>Has scopes, as the console has.</summary>
    private sealed class Writer : ILoggerProvider, ISupportExternalScope, ILogger
    {
        private IExternalScopeProvider _scopes = new LoggerExternalScopeProvider();

        public ILogger CreateLogger(string categoryName) => this;

        public void SetScopeProvider(IExternalScopeProvider scopeProvider) => _scopes = scopeProvider;

        public IDisposable BeginScope<TState>(TState state) where TState : notnull => _scopes.Push(state);

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            // No line is written here.
        }

        public void Dispose()
        {
            // There is nothing to give back.
        }
    }
}
