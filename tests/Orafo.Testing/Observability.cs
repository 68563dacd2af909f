using System.Text.Json;
using System.Text.RegularExpressions;
using Orafo.Cli;
using YamlDotNet.Serialization;

namespace Orafo.Testing;

/// <summary>What is in deploy/observability: alerts, dashboards, and the metrics that they name.</summary>
public static partial class Observability
{
    private static readonly string[] Words = ["and", "or", "unless", "bool", "offset", "inf", "nan"];

    public static readonly string Directory = Path.Combine(Repository.Root, "deploy", "observability");

    /// <summary>The rules of alerts.yml.</summary>
    public static IReadOnlyList<AlertRule> Alerts { get; } = [.. new DeserializerBuilder().IgnoreUnmatchedProperties()
        .Build().Deserialize<AlertFile>(File.ReadAllText(Path.Combine(Directory, "alerts.yml"))).groups.SelectMany(group => group.rules)];

    /// <summary>The dashboards, by the names of their files.</summary>
    public static IReadOnlyDictionary<string, JsonElement> Dashboards { get; } = System.IO.Directory.EnumerateFiles(Path.Combine(Directory, "dashboards"), "*.json")
        .ToDictionary(file => Path.GetFileNameWithoutExtension(file), file => JsonDocument.Parse(File.ReadAllText(file)).RootElement, StringComparer.Ordinal);

    /// <summary>A dashboard's panels that show something.</summary>
    public static IEnumerable<JsonElement> Panels(JsonElement dashboard) =>
        dashboard.GetProperty("panels").EnumerateArray().Where(panel => panel.GetProperty("type").GetString() != "row");

    /// <summary>What the panel asks Prometheus for.</summary>
    public static IEnumerable<string> Expressions(JsonElement panel) => panel.GetProperty("targets").EnumerateArray().Select(target => target.GetProperty("expr").GetString()!);

    /// <summary>The metrics that an expression of PromQL names.</summary>
    public static IEnumerable<string> MetricsOf(string expression)
    {
        var bare = Label().Replace(Grouping().Replace(Text().Replace(expression, ""), " "), " ");
        return Name().Matches(bare).Select(match => match.Value).Except(Words, StringComparer.OrdinalIgnoreCase);
    }

    [GeneratedRegex("""
        "(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'
        """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Text();

    /// <summary>Their labels are no metrics.</summary>
    [GeneratedRegex(@"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")]
    private static partial Regex Grouping();

    [GeneratedRegex(@"\{[^}]*\}|\[[^\]]*\]")]
    private static partial Regex Label();

    /// <summary>Followed by a parenthesis it is a function.</summary>
    [GeneratedRegex(@"(?<![\w:.])[A-Za-z_:][\w:]*\b(?!\s*\()")]
    private static partial Regex Name();

#pragma warning disable CA1812, IDE1006 // Made by the deserializer, named as the file names them.
    private sealed class AlertFile
    {
        public List<AlertGroup> groups { get; set; } = [];
    }

    private sealed class AlertGroup
    {
        public List<AlertRule> rules { get; set; } = [];
    }
}

/// <summary>One of them, as its file has it.</summary>
public sealed class AlertRule
{
    public string alert { get; set; } = "";
    public string expr { get; set; } = "";
    public Dictionary<string, string> annotations { get; set; } = [];
}
