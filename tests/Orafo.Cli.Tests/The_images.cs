using System.Reflection;
using Orafo.Cli.Mesh;

namespace Orafo.Cli.Tests;

/// <summary>What the launcher starts is each service's own build; only the packages' assemblies are compiled, once for all services.</summary>
public sealed class The_images
{
    private static IEnumerable<string> Projects => MeshService.All.Select(service => service.Project).Append(MeshService.PrinterProject).Append(MeshService.CarrierProject);

    [TestCaseSource(nameof(Projects))]
    public void Are_the_versions_that_the_service_was_built_with(string project)
    {
        var build = Path.GetDirectoryName(Repository.Binary(project))!;
        var image = Path.GetDirectoryName(Repository.Image(project))!;
        Assert.That(Versions(image), Is.EqualTo(Versions(build)));
    }

    [Test]
    public void Are_compiled()
    {
        var service = MeshService.All[0].Project;
        const string largest = "MassTransit.dll";
        Assert.That(
            new FileInfo(Path.Combine(Path.GetDirectoryName(Repository.Image(service))!, largest)).Length,
            Is.GreaterThan(2 * new FileInfo(Path.Combine(Path.GetDirectoryName(Repository.Binary(service))!, largest)).Length));
    }

    private static string[] Versions(string directory) =>
        [.. Directory.EnumerateFiles(directory, "*.dll").Order(StringComparer.Ordinal).Select(file => AssemblyName.GetAssemblyName(file).FullName)];
}
