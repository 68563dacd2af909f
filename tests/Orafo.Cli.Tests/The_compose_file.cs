using System.Text.RegularExpressions;
using Orafo.Cli.Commands;
using Orafo.Cli.Mesh;
using Orafo.Cli.Servers;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;
using YamlDotNet.Serialization;

namespace Orafo.Cli.Tests;

/// <summary>Where there is no container engine, the compose file is held to what the code reads.</summary>
public sealed partial class The_compose_file
{
    private static readonly string Path = System.IO.Path.Combine(Repository.Root, "docker-compose.yml");
    private static readonly string Text = File.ReadAllText(Path);
    private static readonly Dictionary<object, object> Services = Load();

    [Test]
    public void Has_every_service_on_its_port_and_the_devices()
    {
        foreach (var (name, port) in MeshService.All.Select(service => (service.Name, service.Port)).Append((MeshService.Printer, MeshService.PrinterPort)).Append((MeshService.Carrier, MeshService.CarrierPort)))
            Assert.That(List(name, "ports"), Is.EqualTo(new[] { $"127.0.0.1:{port}:8080" }), name);
    }

    [Test]
    public void Connects_each_service_to_its_own_database_and_names_its_program()
    {
        foreach (var service in MeshService.All)
        {
            var database = Environment(service.Name)["ConnectionStrings__Database"];
            Assert.That(database, Does.Contain($"Database={service.Database};Username={service.Database};Password=${{ORAFO_{service.Variable}_PASSWORD:?}}"));
            Assert.That(List(service.Name, "command"), Is.EqualTo(new[] { service.Project }));
        }
    }

    [Test]
    public void Uses_only_variables_that_up_sets()
    {
        var directory = Directory.CreateTempSubdirectory("orafo-compose-").FullName;
        try
        {
            var set = DockerCommand.Variables(new(directory), printSeconds: 5).Select(variable => variable.Key);
            Assert.That(Variable().Matches(Text).Select(match => match.Groups[1].Value).Distinct(), Is.SubsetOf(set));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    [Test]
    public void Gives_every_service_the_operators_key_and_no_device()
    {
        var given = Services.Keys.Cast<string>().Where(name => ((Dictionary<object, object>)Services[name]).ContainsKey("environment"))
            .Where(name => Environment(name).GetValueOrDefault("Operators__Key") == "${ORAFO_OPERATORS_KEY:?}");
        Assert.That(given, Is.EquivalentTo(MeshService.All.Select(service => service.Name)));
    }

    [Test]
    public void Sets_only_settings_that_the_services_read()
    {
        // Colon in code and in appsettings.json, double underscore in the environment.
        var sources = Directory.EnumerateFiles(System.IO.Path.Combine(Repository.Root, "services"), "*.cs", SearchOption.AllDirectories).Select(File.ReadAllText).ToArray();
        var settings = Services.Keys.Cast<string>().Where(name => ((Dictionary<object, object>)Services[name]).ContainsKey("build")).SelectMany(name => Environment(name).Keys).Where(key => key.Contains("__", StringComparison.Ordinal)).Distinct();
        foreach (var parts in settings.Select(setting => setting.Split("__")))
            Assert.That(sources.Any(source => source.Contains($"\"{parts[0]}:{parts[1]}\"", StringComparison.Ordinal)
                || (source.Contains(parts[1], StringComparison.Ordinal) && (source.Contains($"BindConfiguration(\"{parts[0]}\")", StringComparison.Ordinal) || parts[0] == "ConnectionStrings" || sources.Any(other => other.Contains($"BindConfiguration(\"{parts[0]}\")", StringComparison.Ordinal))))), Is.True, string.Join("__", parts));
    }

    [Test]
    public void Holds_queues_to_the_limits_that_the_private_broker_has_before_a_service_starts()
    {
        var policy = List("queue-policy", "command");
        Assert.That(policy, Does.Contain("name=" + QueuePolicy.Name).And.Contain("pattern=.*").And.Contain("apply-to=queues")
            .And.Contain($$"""definition={"delivery-limit":{{QueuePolicy.DeliveryLimit}}}"""));
        Assert.That(((Dictionary<object, object>)((Dictionary<object, object>)Services["ordering"])["depends_on"]).Keys, Does.Contain("queue-policy"));
    }

    [Test]
    public void Gives_the_operator_of_the_broker_no_right_to_anything() =>
        Assert.That(List("queue-operator", "command").Single(), Does.Contain("user name=operator tags=monitoring ").And.Contain("vhost=orafo user=operator configure='^$$' write='^$$' read='^$$'"));

    [Test]
    public void Shows_Prometheus_every_service_and_Grafana_every_dashboard()
    {
        var scraped = File.ReadAllText(System.IO.Path.Combine(Repository.Root, "deploy", "observability", "prometheus.yml"));
        foreach (var service in MeshService.All)
            Assert.That(scraped, Does.Contain($"\"{service.Name}:8080\""));
        // By these names the alerts know who is to be up.
        var alerts = File.ReadAllText(System.IO.Path.Combine(Repository.Root, "deploy", "observability", "alerts.yml"));
        var jobs = UpOfJob().Matches(alerts).Select(match => match.Groups[1].Value).ToArray();
        Assert.That(jobs, Is.Not.Empty);
        foreach (var job in jobs)
            Assert.That(scraped, Does.Contain($"- job_name: {job}\n"));
        foreach (var file in List("prometheus", "volumes").Concat(List("grafana", "volumes")).Select(volume => volume.Split(':')[0]).Where(file => file.StartsWith("./", StringComparison.Ordinal)))
            Assert.That(System.IO.Path.Exists(System.IO.Path.Combine(Repository.Root, file)), file);
        Assert.That(List("grafana", "volumes"), Does.Contain("./deploy/observability/dashboards:/dashboards:ro"));
    }

    [Test]
    public void Pins_every_image_and_holds_no_password()
    {
        var images = Services.Values.Cast<Dictionary<object, object>>().Where(service => service.ContainsKey("image")).Select(service => (string)service["image"]).ToArray();
        Assert.That(images, Has.Length.EqualTo(7).And.All.Matches(@":v?\d+\.\d+"));
        Assert.That(Password().Matches(Text).Select(match => match.Groups[1].Value), Is.All.StartsWith("${ORAFO_"));
    }

    private static Dictionary<object, object> Load()
    {
        var parser = new MergingParser(new Parser(new StringReader(Text)));
        var document = new DeserializerBuilder().Build().Deserialize<Dictionary<object, object>>(parser);
        return (Dictionary<object, object>)document["services"];
    }

    private static string[] List(string service, string key) => [.. ((List<object>)((Dictionary<object, object>)Services[service])[key]).Cast<string>()];

    internal static Dictionary<string, string> Environment(string service) =>
        ((Dictionary<object, object>)((Dictionary<object, object>)Services[service])["environment"]).ToDictionary(pair => (string)pair.Key, pair => (string)pair.Value);

    [GeneratedRegex(@"\$\{(\w+)")]
    private static partial Regex Variable();

    [GeneratedRegex(@"(?:Password=|PASSWORD: |_PASS: |--password=| password=|orafo:)(\S+)")]
    private static partial Regex Password();

    [GeneratedRegex("""up\{job="([^"]+)"\}""")]
    private static partial Regex UpOfJob();
}
