using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;

namespace Orafo.ServiceDefaults.Tests;

/// <summary>As a service writes it that nobody has told how: in a container, say.</summary>
public sealed class A_log_line
{
    [TestCase(null, @"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z info: shop\[0\] => OrderId:1 said\n$")]
    [TestCase("json", """^\{"Timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",.+"Message":"said",.+"Scopes":\["OrderId:1"\]\}\n$""")]
    public async Task Has_its_time_and_what_stands_beside_it(string? formatter, string expected)
    {
        string[] configuration = ["--Logging:Console:FormatterOptions:ColorBehavior=Disabled"];
        var builder = WebApplication.CreateBuilder(formatter is null ? configuration : [.. configuration, $"--Logging:Console:FormatterName={formatter}"]).AddLogs();
        builder.Services.AddSingleton(TimeProvider.System);
        await using var app = builder.Build();
        // The console, too, has a say in how.
        Assert.That(app.Services.GetServices<ILoggerProvider>().OfType<ConsoleLoggerProvider>(), Is.Not.Empty);
        var name = app.Services.GetRequiredService<IOptions<ConsoleLoggerOptions>>().Value.FormatterName ?? ConsoleFormatterNames.Simple;
        var scopes = new LoggerExternalScopeProvider();
        using var beside = scopes.Push("OrderId:1");
        using var line = new StringWriter();
        app.Services.GetServices<ConsoleFormatter>().Single(one => one.Name == name).Write(new LogEntry<string>(LogLevel.Information, "shop", 0, "said", null, (text, _) => text), scopes, line);
        Assert.That(line.ToString(), Does.Match(expected));
    }
}
