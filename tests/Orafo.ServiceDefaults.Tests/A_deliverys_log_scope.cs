using System.Diagnostics;
using System.Reflection;
using MassTransit;
using MassTransit.Logging;
using MassTransit.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
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

    /// <param name="hasSpan">Otherwise nobody listens, and what trace it is the headers say.</param>
    [TestCase(true), TestCase(false)]
    public async Task Names_its_order_its_message_and_its_trace_once(bool hasSpan)
    {
        var (order, message, trace) = (Guid.CreateVersion7(), Guid.CreateVersion7(), ActivityTraceId.CreateRandom().ToHexString());
        var parent = $"00-{trace}-{ActivitySpanId.CreateRandom().ToHexString()}-00";
        var headers = new DictionarySendHeaders();
        headers.Set(MessageHeaders.MessageId, message.ToString());
        headers.Set(MessageHeaders.CorrelationId, order.ToString());
        headers.Set(DiagnosticHeaders.ActivityId, parent);
        var delivery = DispatchProxy.Create<ReceiveContext, Delivery>();
        ((Delivery)(object)delivery).Headers = headers;
        var builder = WebApplication.CreateBuilder().AddLogs();
        var writer = new Writer();
        builder.Logging.ClearProviders().AddProvider(writer);
        builder.Services.AddSingleton(TimeProvider.System);
        await using var app = builder.Build();
        var logger = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("deliveries");

        using var span = hasSpan ? new Activity("not sampled").SetParentId(parent).Start() : null;
        using (logger.BeginScope(new MessageLogScope(delivery)))
            logger.Log(LogLevel.Critical, 0, "said", null, (text, _) => text);

        Assert.That(writer.Beside, Is.EquivalentTo(new[] { $"OrderId={order}", $"MessageId={message}", $"TraceId={trace}" }));
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

#pragma warning disable CA1852 // The same.
    private class Delivery : DispatchProxy
#pragma warning restore CA1852
    {
        public Headers? Headers { get; set; }

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) =>
            targetMethod!.Name == "get_TransportHeaders" ? Headers : throw new InvalidOperationException($"{targetMethod.Name} is asked.");
    }

    /// <summary>Has scopes, as the console has.</summary>
    private sealed class Writer : ILoggerProvider, ISupportExternalScope, ILogger
    {
        /// <summary>What stood beside the last line that was written.</summary>
        public List<string> Beside { get; } = [];

        private IExternalScopeProvider _scopes = new LoggerExternalScopeProvider();

        public ILogger CreateLogger(string categoryName) => this;

        public void SetScopeProvider(IExternalScopeProvider scopeProvider) => _scopes = scopeProvider;

        public IDisposable BeginScope<TState>(TState state) where TState : notnull => _scopes.Push(state);

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            Beside.Clear();
            _scopes.ForEachScope((scope, all) => all.AddRange(((IEnumerable<KeyValuePair<string, object?>>)scope!).Select(item => $"{item.Key}={item.Value}")), Beside);
        }

        public void Dispose()
        {
            // There is nothing to give back.
        }
    }
}
