using System.Text.RegularExpressions;
using Orafo.Cli;

namespace Orafo.Architecture.Tests;

/// <summary>What services may say. Nothing personal is logged, so nothing has to be made unreadable.</summary>
public sealed partial class Logs
{
    /// <summary>All that is filled into the text of a line: ids, names of ours, counts, times, and reasons that are our own words. Whoever adds one says by it that it is nobody's own.</summary>
    private static readonly string[] Impersonal =
    [
        "OrderId", "MessageId", "JobId", "OutboxId", "InvoiceNumber", "CreditNoteNumber",
        "State", "Step", "Outcome", "Rule", "Reason", "Cause", "Consequence", "Error", "Refusal", "What",
        "System", "Queue", "DbContext", "MessageType", "Provider", "Subject", "Host", "Port", "Directory", "Migration", "Service",
        "Orders", "Count", "Jobs", "Parked", "Attempts", "Articles", "Customers", "Coupons", "Parcels", "Trays", "Pages",
        "Seconds", "Milliseconds", "PrintSeconds", "Since",
    ];

    private static IEnumerable<(string File, string Text)> Sources => Directory.EnumerateFiles(Path.Combine(Repository.Root, "services"), "*.cs", SearchOption.AllDirectories)
        .Where(file => !file.Contains("/Migrations/", StringComparison.Ordinal)).Select(file => (Path.GetFileName(file), File.ReadAllText(file)));

    [Test]
    public void Say_nothing_that_is_somebodys_own()
    {
        var said = Sources.SelectMany(source => Template().Matches(source.Text).Select(template => (source.File, Text: template.Groups[1].Value))).ToArray();
        Assert.That(said, Has.Length.GreaterThan(30));
        foreach (var (file, text) in said)
            Assert.That(Hole().Matches(text).Select(hole => hole.Groups[1].Value), Is.SubsetOf(Impersonal), $"{file}: {text}");
    }

    /// <remarks>CA1848, a warning and so an error, sees to it for <c>ILogger</c>. MassTransit's has none.</remarks>
    [Test]
    public void Are_written_by_generated_methods_or_by_MassTransits_log() =>
        Assert.That(Sources.Where(source => Call().IsMatch(source.Text)).Select(source => source.File), Is.Empty);

    /// <remarks>So do spans. The small programs of the road have no orders.</remarks>
    [Test]
    public void Name_the_order_of_each_job()
    {
        var handlers = Sources.Where(source => Handler().IsMatch(source.Text) && !source.Text.Contains("namespace Orafo.Evolution", StringComparison.Ordinal)).ToArray();
        Assert.That(handlers, Has.Length.GreaterThan(4));
        Assert.That(handlers.Where(handler => !handler.Text.Contains("job.BelongsTo(", StringComparison.Ordinal)).Select(handler => handler.File), Is.Empty);
    }

    [Test]
    public void Know_the_rule_that_sees_to_it() =>
        Assert.That(File.ReadAllText(Path.Combine(Repository.Root, ".editorconfig")), Does.Contain("dotnet_diagnostic.CA1848.severity = warning"));

    [GeneratedRegex("""(?:\[LoggerMessage\([^"\]]*|LogContext\.\w+\?\.Log\([^"]*)"((?:[^"\\]|\\.)*)""")]
    private static partial Regex Template();

    [GeneratedRegex(@"\{(\w+)[^}]*\}")]
    private static partial Regex Hole();

    [GeneratedRegex(@": IJobHandler<\w+>")]
    private static partial Regex Handler();

    [GeneratedRegex(@"(?i:logger)\.Log(?:Trace|Debug|Information|Warning|Error|Critical)?\(")]
    private static partial Regex Call();
}
