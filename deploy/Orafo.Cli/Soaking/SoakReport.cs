using System.Globalization;
using System.Text;

namespace Orafo.Cli.Soaking;

/// <summary>What a soak saw, early and at the end. Sizes in MiB, CPU in percent of one processor.</summary>
internal sealed record SoakReport
{
    public required int Orders { get; init; }

    /// <summary>After the tenth part of the orders, or two minutes, or half of them.</summary>
    public required SoakSample Early { get; init; }

    /// <summary>When the last order was placed.</summary>
    public required SoakSample Late { get; init; }

    /// <summary>Of each part, when all was done.</summary>
    public required IReadOnlyDictionary<string, double> IdleCpuPercentOf { get; init; }

    public double IdleCpuPercent => IdleCpuPercentOf.Values.Sum();

    public required IReadOnlyList<ExpensiveStatement> Expensive { get; init; }

    /// <summary>What should not be so; none if all is well.</summary>
    public required IReadOnlyList<string> Faults { get; init; }

    public string Table()
    {
        var table = new StringBuilder();
        void Line(FormattableString line) => table.AppendLine(line.ToString(CultureInfo.InvariantCulture));
        Line($"  {"",-38} {$"{Early.Orders} orders",16} {$"{Late.Orders} orders",16}");
        foreach (var (name, late) in Late.Tables)
        {
            var early = Early.Tables[name];
            Line($"  {name,-38} {$"{early.Table:0.0} + {early.Indexes:0.0} MiB",16} {$"{late.Table:0.0} + {late.Indexes:0.0} MiB",16}");
        }

        foreach (var (service, late) in Late.Inboxes)
            Line($"  {$"{service} remembers",-38} {$"{Early.Inboxes[service].Rows}",16} {$"{late.Rows}",16}");
        foreach (var (part, late) in Late.Memory)
            Line($"  {$"memory, {part}",-38} {$"{Early.Memory[part]:0} MiB",16} {$"{late:0} MiB",16}");
        Line($"  {"idle CPU",-38} {IdleCpuPercent,14:0.0} %");
        foreach (var (part, percent) in IdleCpuPercentOf)
            Line($"    {part,-36} {percent,14:0.0} %");
        table.AppendLine("\n  ms/order  calls/order  rows/call  pages/call  statement");
        foreach (var s in Expensive)
            Line($"  {s.Milliseconds / Orders,8:0.000}  {(double)s.Calls / Orders,11:0.00}  {(double)s.Rows / s.Calls,9:0.0}  {(double)s.Pages / s.Calls,10:0.0}  {s.Database}: {s.Text[..Math.Min(s.Text.Length, 100)]}");
        table.AppendLine();
        foreach (var fault in Faults)
            Line($"  {fault}");
        table.AppendLine(Faults.Count == 0 ? "Clean." : $"{Faults.Count} faults.");
        return table.ToString();
    }
}

/// <summary>What there was at a moment, under load.</summary>
/// <param name="Orders">Placed so far.</param>
/// <param name="Tables">By service and table.</param>
/// <param name="Inboxes">By service.</param>
/// <param name="Memory">By part, in MiB; PostgreSQL is many processes that share theirs, and is left out.</param>
internal sealed record SoakSample(
    int Orders, IReadOnlyDictionary<string, TableSize> Tables, IReadOnlyDictionary<string, InboxSize> Inboxes, IReadOnlyDictionary<string, double> Memory);

/// <param name="Table">In MiB.</param>
/// <param name="Indexes">In MiB.</param>
/// <param name="SequentialRows">Read by sequential scans since it was created.</param>
internal sealed record TableSize(double Table, double Indexes, long SequentialRows);

/// <param name="Rows">Messages.</param>
/// <param name="OldestSeconds">Since the first of them was consumed.</param>
internal sealed record InboxSize(long Rows, double OldestSeconds);

/// <summary>One of pg_stat_statements.</summary>
internal sealed record ExpensiveStatement(string Database, long Calls, double Milliseconds, long Rows, long Pages, string Text);
