using System.Xml.Linq;
using Orafo.Cli;

namespace Orafo.Architecture.Tests;

/// <summary>Who may know whom. Projects and packages are read from the project files, so that an unused reference fails too.</summary>
public sealed class References
{
    private static readonly string[] Services = ["Orafo.Ordering", "Orafo.OrderDetails", "Orafo.Invoicing", "Orafo.HandOver"];

    /// <summary>What each project may refer to; a service the same as any other.</summary>
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Orafo.Contracts"] = [],
        ["Orafo.Postgres"] = [],
        ["Orafo.Persistence"] = ["Orafo.Postgres"],
        ["Orafo.Pgq"] = ["Orafo.Postgres"],
        ["Orafo.ServiceDefaults"] = ["Orafo.Contracts", "Orafo.Persistence", "Orafo.Pgq"],
        ["Orafo.Printer"] = [],
        ["Orafo.Carrier"] = [],
        ["Orafo.Evolution"] = ["Orafo.Pgq"],
        ["service"] = ["Orafo.Contracts", "Orafo.ServiceDefaults", "Orafo.Persistence", "Orafo.Pgq"],
    };

    private static IEnumerable<string> Projects =>
        new[] { "contracts", "services" }.SelectMany(folder => Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*.csproj", SearchOption.AllDirectories))
            .Select(path => Path.GetFileNameWithoutExtension(path)).Order();

    [TestCaseSource(nameof(Projects))]
    public void Point_only_where_they_may(string project)
    {
        var allowed = Allowed[Services.Contains(project) ? "service" : project];
        Assert.That(ReferencesOf(project, "ProjectReference").Select(Path.GetFileNameWithoutExtension), Is.SubsetOf(allowed));
    }

    [Test]
    public void Leave_the_contracts_without_any_package() => Assert.That(ReferencesOf("Orafo.Contracts", "PackageReference"), Is.Empty);

    [Test]
    public void Keep_the_transport_out_of_the_persistence() =>
        Assert.That(ReferencesOf("Orafo.Persistence", "PackageReference"), Has.None.Contains("RabbitMQ").And.None.Contains("AspNetCore"));

    [Test]
    public void Keep_messaging_out_of_the_queue_of_jobs() =>
        Assert.That(ReferencesOf("Orafo.Pgq", "PackageReference").Concat(ReferencesOf("Orafo.Postgres", "PackageReference")), Has.None.Contains("MassTransit").And.None.Contains("RabbitMQ"));

    [Test]
    public void Never_fall_back_to_what_is_only_in_memory()
    {
        string[] forbidden = ["InMemoryRepository", "UseInMemoryOutbox", "AddInMemoryInboxOutbox", "UsingInMemory"];
        Assert.That(Sources("services").Where(source => forbidden.Any(word => File.ReadAllText(source).Contains(word, StringComparison.Ordinal))), Is.Empty);
    }

    [Test]
    public void Read_no_clock_but_the_time_provider()
    {
        string[] forbidden = ["DateTime.Now", "DateTime.UtcNow", "DateTimeOffset.Now", "DateTimeOffset.UtcNow"];
        Assert.That(Sources("services").Where(source => forbidden.Any(word => File.ReadAllText(source).Contains(word, StringComparison.Ordinal))), Is.Empty);
    }

    [Test]
    public void Stay_below_the_commercial_MassTransit()
    {
        var versions = XDocument.Load(Path.Combine(Repository.Root, "Directory.Packages.props")).Descendants("PackageVersion")
            .Where(package => ((string)package.Attribute("Include")!).StartsWith("MassTransit", StringComparison.Ordinal))
            .Select(package => (string)package.Attribute("Version")!);
        Assert.That(versions, Is.All.EqualTo("[8.5.12,9.0)"));
    }

    [Test]
    public void Are_locked_in_every_project()
    {
        var unlocked = new[] { "contracts", "services", "deploy", "tests" }
            .SelectMany(folder => Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*.csproj", SearchOption.AllDirectories))
            .Where(project => !File.Exists(Path.Combine(Path.GetDirectoryName(project)!, "packages.lock.json")));
        Assert.That(unlocked, Is.Empty);
    }

    private static IEnumerable<string> Sources(string folder) =>
        Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*.cs", SearchOption.AllDirectories)
            .Where(path => !path.Contains("/Migrations/", StringComparison.Ordinal));

    private static IEnumerable<string> ReferencesOf(string project, string kind) =>
        XDocument.Load(Directory.EnumerateFiles(Repository.Root, project + ".csproj", SearchOption.AllDirectories).Single(path => !path.Contains("/artifacts/", StringComparison.Ordinal)))
            .Descendants(kind).Select(reference => (string)reference.Attribute("Include")!);
}
