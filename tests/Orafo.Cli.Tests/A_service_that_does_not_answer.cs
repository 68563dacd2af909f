using Orafo.Cli.Mesh;
using Orafo.Cli.Servers;
using Orafo.Testing;

namespace Orafo.Cli.Tests;

public sealed class A_service_that_does_not_answer
{
    /// <remarks>It would keep its port from its successor, and nobody would know of it any more.</remarks>
    [Test]
    public async Task Is_stopped_when_its_time_is_over()
    {
        var directory = Directory.CreateTempSubdirectory("orafo-service-").FullName;
        try
        {
            var data = new DataDirectory(directory);
            data.Create();
            using var health = Health.NewClient();
            var service = MeshService.Named(MeshService.HandOver);
            // Its database never is: it runs, and is not healthy.
            var part = new ServicePart(
                service.Name, service.Project, Ports.Free(),
                new Dictionary<string, string?>
                {
                    ["Operators__Key"] = Operators.EnsureKey(data),
                    ["ConnectionStrings__Database"] = Databases.ConnectionString(Ports.Free(), service.Database, service.Database, "none"),
                    ["ConnectionStrings__Broker"] = MeshState.AmqpUri(Ports.Free(), service.Database, "none"),
                },
                data, TestServers.Watchdog, health, patience: TimeSpan.FromSeconds(3));
            Assert.That(async () => await part.StartAsync(CancellationToken.None), Throws.InstanceOf<OrafoException>());
            Assert.That(part.Process!.Exited.IsCompleted);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
