using System.Text.RegularExpressions;
using k8s;
using k8s.Models;
using Orafo.Cli.Mesh;
using YamlDotNet.Serialization;

namespace Orafo.Cli.Tests;

/// <summary>Where there is no cluster, its files are held to the types of its API and to the compose file.</summary>
public sealed partial class The_Kubernetes_files
{
    private static readonly string Directory = Path.Combine(Repository.Root, "deploy", "kubernetes");

    // Strict: a field that the API does not have is an exception.
    private static readonly object[] Objects = [.. Listed().SelectMany(file => KubernetesYaml.LoadAllFromString(File.ReadAllText(Path.Combine(Directory, file)), strict: true))];
    private static readonly IDictionary<string, string> Settings = Objects.OfType<V1ConfigMap>().Single().Data;

    private static IEnumerable<V1Deployment> Deployments => Objects.OfType<V1Deployment>();
    private static V1Job Migrate => Objects.OfType<V1Job>().Single();
    private static IEnumerable<V1PodSpec> Pods => Deployments.Select(deployment => deployment.Spec.Template.Spec).Append(Migrate.Spec.Template.Spec);

    [Test]
    public void Are_all_applied() =>
        Assert.That(Listed(), Is.EquivalentTo(System.IO.Directory.EnumerateFiles(Directory, "*.yaml").Select(Path.GetFileName).Where(name => name != "kustomization.yaml")));

    [Test]
    public void Have_every_service_under_its_name_with_its_program()
    {
        Assert.That(Deployments.Select(deployment => (deployment.Metadata.Name, string.Join(' ', deployment.Spec.Template.Spec.Containers.Single().Args))),
            Is.EquivalentTo(MeshService.All.Select(service => (service.Name, service.Project))));
        foreach (var deployment in Deployments)
        {
            var labels = deployment.Spec.Template.Metadata.Labels;
            Assert.That(deployment.Spec.Selector.MatchLabels, Is.SubsetOf(labels));
            Assert.That(Objects.OfType<V1Service>().Single(service => service.Metadata.Name == deployment.Metadata.Name).Spec.Selector, Is.SubsetOf(labels));
            Assert.That(Objects.OfType<V1PodDisruptionBudget>().Single(budget => budget.Metadata.Name == deployment.Metadata.Name).Spec.Selector.MatchLabels, Is.SubsetOf(labels));
        }
    }

    [Test]
    public void Set_what_the_compose_file_sets()
    {
        foreach (var (name, container) in Deployments.Select(deployment => (deployment.Metadata.Name, deployment.Spec.Template.Spec.Containers.Single()))
            .Append((Migrate.Metadata.Name, Migrate.Spec.Template.Spec.Containers.Single())))
        {
            // The catalogue of the samples is no shop's.
            var composed = The_compose_file.Environment(name).Where(setting => setting.Key != "Catalogue__Directory").ToArray();
            var set = Environment(container);
            Assert.That(set.Where(setting => composed.Any(other => other.Key == setting.Key)), Is.EquivalentTo(composed), name);
            // What else there is, the settings are made of.
            var parts = set.Keys.Except(composed.Select(setting => setting.Key));
            Assert.That(parts, Is.All.Matches<string>(part => container.Env.Any(setting => setting.Value?.Contains($"$({part})", StringComparison.Ordinal) == true)), name);
        }
    }

    [Test]
    public void Ask_whether_a_service_lives_and_whether_it_is_ready()
    {
        foreach (var container in Deployments.Select(deployment => deployment.Spec.Template.Spec.Containers.Single()))
        {
            Assert.That(new[] { container.StartupProbe, container.LivenessProbe, container.ReadinessProbe }.Select(probe => probe.HttpGet.Path), Is.EqualTo(new[] { "/health/live", "/health/live", "/health/ready" }));
            Assert.That(container.Ports.Single().Name, Is.EqualTo("http"));
        }
    }

    [Test]
    public void Give_a_pod_no_right_that_it_does_not_need()
    {
        foreach (var pod in Pods)
        {
            var container = pod.Containers.Single();
            Assert.That((pod.AutomountServiceAccountToken, pod.SecurityContext.RunAsNonRoot, pod.SecurityContext.SeccompProfile.Type), Is.EqualTo(((bool?)false, (bool?)true, "RuntimeDefault")));
            Assert.That((container.SecurityContext.AllowPrivilegeEscalation, container.SecurityContext.ReadOnlyRootFilesystem), Is.EqualTo(((bool?)false, (bool?)true)));
            Assert.That(container.SecurityContext.Capabilities.Drop, Is.EqualTo(new[] { "ALL" }));
            Assert.That(container.Resources.Limits, Contains.Key("memory"));
        }
    }

    [Test]
    public void Give_a_service_no_password_of_another()
    {
        foreach (var service in MeshService.All)
        {
            var secrets = Deployments.Single(deployment => deployment.Metadata.Name == service.Name).Spec.Template.Spec.Containers.Single().Env
                .Select(setting => setting.ValueFrom?.SecretKeyRef?.Key).OfType<string>().Where(key => key.EndsWith("_PASSWORD", StringComparison.Ordinal));
            Assert.That(secrets, Is.EquivalentTo(new[] { $"ORAFO_{service.Variable}_PASSWORD", "ORAFO_RABBITMQ_PASSWORD" }));
        }
    }

    [Test]
    public void Are_told_in_full_what_the_secret_has()
    {
        var keys = Pods.SelectMany(pod => pod.Containers.Single().Env).Select(setting => setting.ValueFrom?.SecretKeyRef?.Key).OfType<string>().Distinct();
        var told = File.ReadAllText(Path.Combine(Directory, "README.md"));
        // The first service's are written out; of the others only the name.
        var shortened = MeshService.All.Skip(1).SelectMany(service => new[] { $"ORAFO_{service.Variable}_PASSWORD", $"ORAFO_{service.Variable}_OWNER_PASSWORD" });
        Assert.That(keys.Except(shortened), Is.All.Matches<string>(key => told.Contains($"`{key}`", StringComparison.Ordinal)));
        foreach (var service in MeshService.All.Skip(1))
            Assert.That(told, Does.Contain($"`{service.Variable}`"));
    }

    /// <summary>The settings as the container sees them, a secret as the compose file writes it.</summary>
    private static Dictionary<string, string> Environment(V1Container container)
    {
        var seen = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var setting in container.Env)
        {
            if (setting.ValueFrom is { } source)
                seen.Add(setting.Name, source.SecretKeyRef is { } secret ? $"${{{secret.Key}:?}}" : Settings[source.ConfigMapKeyRef.Key]);
            else
                // Kubernetes knows a variable from its definition on: one that comes later is not replaced.
                seen.Add(setting.Name, Reference().Replace(setting.Value, match => seen[match.Groups[1].Value]));
        }
        return seen;
    }

    private static string[] Listed() =>
        [.. ((List<object>)new DeserializerBuilder().Build().Deserialize<Dictionary<string, object>>(File.ReadAllText(Path.Combine(Directory, "kustomization.yaml")))["resources"]).Cast<string>()];

    [GeneratedRegex(@"\$\((\w+)\)")]
    private static partial Regex Reference();
}
