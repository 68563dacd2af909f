using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;

namespace Orafo.ServiceDefaults.Tests;

/// <summary>A service on a database and a real port, with nobody beside it.</summary>
internal static class LoneService
{
    public static WebApplicationFactory<TDbContext> Of<TDbContext>(string database, params (string Name, string Value)[] settings) where TDbContext : class
    {
        var factory = new WebApplicationFactory<TDbContext>().WithWebHostBuilder(host =>
        {
            host.UseSetting("ConnectionStrings:Database", database);
            // Nobody listens there.
            host.UseSetting("ConnectionStrings:Broker", "amqp://127.0.0.1:1/");
            host.UseSetting("Logging:LogLevel:Default", "None");
            host.UseSetting("URLS", "http://127.0.0.1:0");
            host.UseSetting("Operators:Key", "0123456789abcdefghijklmnopqrstuvwxyz");
            foreach (var (name, value) in settings)
                host.UseSetting(name, value);
            host.UseEnvironment("Production");
        });
        factory.UseKestrel(0);
        return factory;
    }
}
