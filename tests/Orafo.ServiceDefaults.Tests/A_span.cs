using System.Diagnostics;
using Npgsql;
using Orafo.OrderDetails;
using Orafo.Testing;

namespace Orafo.ServiceDefaults.Tests;

/// <summary>What it says, and where it goes.</summary>
public sealed class A_span
{
    [TestCase("OTEL_EXPORTER_OTLP_ENDPOINT", ""), TestCase("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "/v1/traces")]
    public async Task Goes_where_the_standard_variables_say(string variable, string path)
    {
        await using var collector = new SpanCollector();
        var database = await TestServers.CreateDatabaseAsync("watched");
        var factory = LoneService.Of<OrderDetailsDb>(database, (variable, collector.Url + path), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"), ("OTEL_BSP_SCHEDULE_DELAY", "100"));
        await using var end = new ServiceEnd(factory);
        factory.StartServer();
        using var http = new HttpClient { BaseAddress = factory.ClientOptions.BaseAddress };
        using var refused = await http.GetAsync(new Uri("articles/A", UriKind.Relative));
        await Eventually.Holds(() => collector.Spans.Any(span => span.Name.StartsWith("GET", StringComparison.Ordinal)), "the request's span has come");
        await using var connection = new NpgsqlConnection(database);
        NpgsqlConnection.ClearPool(connection);
    }

    [TestCase(true, "System.InvalidOperationException"), TestCase(false, "_OTHER")]
    public void Of_what_failed_says_with_what(bool isException, string type)
    {
        using var span = new Activity("consume");
        span.Start();
        if (isException)
            span.AddException(new InvalidOperationException("No."));
        span.SetStatus(ActivityStatusCode.Error);
        span.IsAllDataRequested = true;
        using var conventions = new SpanConventions();
        conventions.OnEnd(span);
        Assert.That(span.GetTagItem("error.type"), Is.EqualTo(type));
    }

    [Test]
    public void Of_what_went_well_says_nothing_of_errors_and_keeps_what_others_have_found()
    {
        using var well = new Activity("consume").Start();
        using var timeout = new Activity("call").Start().SetTag("error.type", "timeout").SetStatus(ActivityStatusCode.Error);
        (well.IsAllDataRequested, timeout.IsAllDataRequested) = (true, true);
        using var conventions = new SpanConventions();
        conventions.OnEnd(well);
        conventions.OnEnd(timeout);
        Assert.That((well.GetTagItem("error.type"), timeout.GetTagItem("error.type")), Is.EqualTo(((object?)null, (object?)"timeout")));
    }
}
