using System.Globalization;
using System.Net;
using System.Text;

namespace Orafo.Cli.Comparing;

/// <summary>The comparison as one HTML file that needs nothing else: two sentences for each step, and charts, light or dark as the reader's screen.</summary>
/// <param name="outcomes">Of all runs.</param>
/// <param name="pitfalls">What the experiments of their own are about.</param>
/// <param name="facts">How it was measured.</param>
internal sealed class ComparisonPage(IReadOnlyList<Outcome> outcomes, IReadOnlyList<Pitfall> pitfalls, ComparisonFacts facts)
{
    private const int Width = 760;
    private const int Label = 190;
    private const int LongLabel = 290;

    /// <summary>Of a bar with words below it.</summary>
    private const int TallRow = 48;
    private const int Bar = 22;

    private static readonly (string Name, string Class, Func<Outcome, int> Count)[] Harms =
    [
        ("lost", "lost", outcome => outcome.Lost), ("stuck", "stuck", outcome => outcome.Stuck),
        ("half done", "half", outcome => outcome.HalfDone), ("printed twice", "twice", outcome => outcome.PrintedTwice),
    ];

    /// <summary>And what became of the others.</summary>
    private static readonly (string Name, string Class, Func<Outcome, int> Count)[] Fates =
    [
        ("printed once", "once", outcome => outcome.Accepted - outcome.Lost - outcome.Stuck), ("refused", "refused", outcome => outcome.Refused - outcome.HalfDone), .. Harms,
    ];

    private IReadOnlyList<Step> Steps => [.. Step.All.Where(step => outcomes.Any(outcome => outcome.Step == step.Name))];

    public override string ToString()
    {
        var page = new StringBuilder();
        page.Append(
            """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Let's go asynchronous</title>
            <style>
            :root { color-scheme: light dark; --paper: #fbfaf7; --ink: #22252a; --faint: #75787d; --line: #dcd9d0; --bar: #2f6f8f;
              --lost: #b3261e; --stuck: #d98324; --half: #8a5aa8; --twice: #2f6f8f; --good: #3b7d4f; }
            @media (prefers-color-scheme: dark) { :root { --paper: #16181c; --ink: #e6e4df; --faint: #9a9da3; --line: #33363c; --bar: #6fb1d1;
              --lost: #f2776c; --stuck: #f0ad5b; --half: #c49be0; --twice: #6fb1d1; --good: #7fc294; } }
            body { background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 3rem auto; padding: 0 1.5rem; }
            h1 { font-size: 2rem; margin: 0; } h2 { margin: 2.5rem 0 .25rem; font-size: 1.25rem; } p.facts, p.note { color: var(--faint); margin-top: .25rem; } code { font-size: .9em; }
            svg { width: 100%; height: auto; } text { fill: var(--ink); font: 13px system-ui, sans-serif; } text.value { fill: var(--faint); }
            .bar { fill: var(--bar); } .lost { fill: var(--lost); } .stuck { fill: var(--stuck); } .half { fill: var(--half); } .twice { fill: var(--twice); }
            .once { fill: var(--good); } .refused { fill: var(--line); }
            dt { font-weight: 600; margin-top: .75rem; } dd { margin: 0; }
            table { border-collapse: collapse; width: 100%; font-size: 14px; } th, td { text-align: right; padding: .25rem .4rem; border-bottom: 1px solid var(--line); }
            th:first-child, td:first-child { text-align: left; } td.none { color: var(--good); } td.harm { color: var(--lost); font-weight: 600; } td small { color: var(--faint); font-weight: 400; } td { vertical-align: top; } .scroll { overflow-x: auto; }
            .key { display: inline-block; margin-right: 1.2rem; } .key svg { width: .8rem; height: .8rem; margin-right: .35rem; }
            </style></head><body>
            <h1>Let's go asynchronous</h1>

            """);
        page.Append(CultureInfo.InvariantCulture, $"<p class=\"facts\">{Text(facts.ToString())} <code>{Text(facts.Command)}</code></p>\n<dl>\n");
        foreach (var step in Steps)
            page.Append(CultureInfo.InvariantCulture, $"<dt>{Text(step.Name)}</dt><dd>{Text(step.Buys)} {Text(step.Costs)}</dd>\n");
        page.Append("</dl>\n");

        var healthy = outcomes.Where(outcome => outcome.Fault == Fault.None).ToList();
        Bars(page, "How long a client waits", "Milliseconds until the answer, at the median (bar) and at the 99th percentile, nothing wrong.", healthy, outcome => outcome.P50Ms,
            outcome => string.Create(CultureInfo.InvariantCulture, $"{outcome.P50Ms:0}, p99 {outcome.P99Ms:0}"));
        Bars(page, "How many orders a second are taken", "Eight clients, each with the next order when it has an answer.", healthy, outcome => outcome.OrdersPerSecond, outcome => string.Create(CultureInfo.InvariantCulture, $"{outcome.OrdersPerSecond:0.0}"));
        Bars(page, "Until the last page is out", "Seconds from the first order.", healthy, outcome => outcome.SecondsToLastPage, outcome => outcome.SecondsToLastPage?.ToString("0.0", CultureInfo.InvariantCulture) ?? "no printer");
        Bars(page, "What it costs", $"CPU-seconds per 1000 orders, of the step and the servers that it uses, by a clock that ticks a hundred times a second: {1000.0 / 100 / facts.Orders:0.##} is one tick.", healthy, outcome => outcome.CpuSecondsPer1000Orders, outcome => string.Create(CultureInfo.InvariantCulture, $"{outcome.CpuSecondsPer1000Orders:0.0}"));
        Bars(page, "Memory", "MiB, the most that the step's own processes had while these orders were under way.", healthy, outcome => outcome.PeakMemoryMiB, outcome => string.Create(CultureInfo.InvariantCulture, $"{outcome.PeakMemoryMiB:0}"));
        HarmChart(page);
        HarmTable(page);
        foreach (var pitfall in pitfalls)
            PitfallChart(page, pitfall);
        Figures(page);
        return page.Append("</body></html>\n").ToString();
    }

    private static void Bars(StringBuilder page, string title, string note, List<Outcome> runs, Func<Outcome, double?> value, Func<Outcome, string> words)
    {
        var most = runs.Max(value) is { } found and > 0 ? found : 1;
        page.Append(CultureInfo.InvariantCulture, $"<h2>{title}</h2>\n<p class=\"note\">{note}</p>\n<svg viewBox=\"0 0 {Width} {runs.Count * (Bar + 8)}\" role=\"img\" aria-label=\"{title}\">\n");
        foreach (var (row, run) in runs.Index())
        {
            var (y, length) = (row * (Bar + 8), (value(run) ?? 0) / most * (Width - Label - 110));
            page.Append(CultureInfo.InvariantCulture, $"<text x=\"0\" y=\"{y + 16}\">{Text(run.Step)}</text><rect class=\"bar\" x=\"{Label}\" y=\"{y}\" width=\"{length:0.#}\" height=\"{Bar}\" rx=\"3\"/>");
            page.Append(CultureInfo.InvariantCulture, $"<text class=\"value\" x=\"{Label + length + 8:0.#}\" y=\"{y + 16}\">{words(run)}</text>\n");
        }

        page.Append("</svg>\n");
    }

    /// <summary>All faults together, for each step.</summary>
    private void HarmChart(StringBuilder page)
    {
        var faulty = Steps.Select(step => (step.Name, Runs: outcomes.Where(outcome => outcome.Step == step.Name && Fault.All.Any(fault => fault.Name == outcome.Fault)).ToList()))
            .Where(step => step.Runs.Count > 0).ToList();
        if (faulty.Count == 0)
            return;
        page.Append("<h2>What goes wrong when something goes wrong</h2>\n<p class=\"note\">Orders of all runs with a fault, by what came out of the printer. Steps 2 to 5 ask it for a page anew, as one does whose printer remembers nothing; steps 6 and 7 ask for the page of a number, which this printer prints once, and so an order that they ask for again is not printed twice.</p>\n");
        Key(page, Harms);
        Stacks(page, "Orders lost, stuck, half done and printed twice", Label, Harms, faulty.Select(step => (step.Name, step.Runs, Said(step.Runs, "none"))));
    }

    /// <summary>A row for each fault, a column for each step.</summary>
    private void HarmTable(StringBuilder page)
    {
        var faults = Fault.All.Select(fault => fault.Name).Prepend(Fault.None).Where(fault => outcomes.Any(outcome => outcome.Fault == fault));
        page.Append("<h2>Each step with each fault</h2>\n<p class=\"note\">What went wrong with orders; below it how many were refused, and how long after the fault an order was accepted and printed again.</p>\n<div class=\"scroll\"><table><tr><th></th>");
        foreach (var step in Steps)
            page.Append(CultureInfo.InvariantCulture, $"<th>{Text(step.Name)}</th>");
        page.Append("</tr>\n");
        foreach (var fault in faults)
        {
            page.Append(CultureInfo.InvariantCulture, $"<tr><td>{Text(fault)}</td>");
            foreach (var step in Steps)
            {
                if (outcomes.FirstOrDefault(outcome => outcome.Step == step.Name && outcome.Fault == fault) is not { } run)
                {
                    page.Append("<td></td>");
                    continue;
                }

                string?[] rest = [run.Refused > 0 ? $"{run.Refused} refused" : null, run.SecondsToRecover is { } seconds ? string.Create(CultureInfo.InvariantCulture, $"{seconds:0.0}&nbsp;s") : fault == Fault.None ? null : "not in 30&nbsp;s"];
                page.Append(CultureInfo.InvariantCulture, $"<td class=\"{(run.IsExact ? "none" : "harm")}\">{Said([run], "none").Replace(", ", "<br>", StringComparison.Ordinal)}<br><small>{string.Join(", ", rest.OfType<string>())}</small></td>");
            }

            page.Append("</tr>\n");
        }

        page.Append("</table></div>\n");
    }

    /// <summary>What became of its orders, in each step.</summary>
    private void PitfallChart(StringBuilder page, Pitfall pitfall)
    {
        var runs = outcomes.Where(outcome => outcome.Fault == pitfall.Name).ToList();
        if (runs.Count == 0)
            return;
        page.Append(CultureInfo.InvariantCulture, $"<h2>{pitfall.Title}</h2>\n<p class=\"note\">{Text(pitfall.About)}{(pitfall.IsShortOfMemory ? $" Held to it by {facts.MemoryLimit}." : "")}</p>\n");
        Key(page, Fates);
        Stacks(page, pitfall.Title, LongLabel, Fates, runs.Select(run => (run.Title, new List<Outcome> { run }, string.Join(", ", Said([run], "each once"), pitfall.IsShortOfMemory
            ? string.Create(CultureInfo.InvariantCulture, $"{run.PeakMemoryMiB:0} MiB, {run.Deaths} deaths")
            : string.Create(CultureInfo.InvariantCulture, $"asked in vain {run.AskedInVain} times")))));
    }

    /// <summary>A bar for each of them, in parts, and words below it.</summary>
    private static void Stacks(
        StringBuilder page, string title, int label, (string Name, string Class, Func<Outcome, int> Count)[] kinds, IEnumerable<(string Name, List<Outcome> Runs, string Words)> stacks)
    {
        var rows = stacks.ToList();
        var most = Math.Max(1, rows.Max(row => row.Runs.Sum(run => kinds.Sum(kind => kind.Count(run)))));
        page.Append(CultureInfo.InvariantCulture, $"<svg viewBox=\"0 0 {Width} {rows.Count * TallRow}\" role=\"img\" aria-label=\"{title}\">\n");
        foreach (var (i, (name, runs, words)) in rows.Index())
        {
            var (x, y) = ((double)label, i * TallRow);
            page.Append(CultureInfo.InvariantCulture, $"<text x=\"0\" y=\"{y + 16}\">{Text(name)}</text>");
            foreach (var (_, color, count) in kinds)
            {
                var length = (double)runs.Sum(count) / most * (Width - label);
                page.Append(CultureInfo.InvariantCulture, $"<rect class=\"{color}\" x=\"{x:0.#}\" y=\"{y}\" width=\"{length:0.#}\" height=\"{Bar}\"/>");
                x += length;
            }

            page.Append(CultureInfo.InvariantCulture, $"<text class=\"value\" x=\"{label}\" y=\"{(x > label ? y + Bar + 15 : y + 16)}\">{words}</text>\n");
        }

        page.Append("</svg>\n");
    }

    /// <summary>Whatever was measured.</summary>
    private void Figures(StringBuilder page)
    {
        page.Append("<h2>All figures</h2>\n<details><summary>A row for each run</summary><div class=\"scroll\"><table><tr>");
        foreach (var (heading, _) in Outcome.Columns)
            page.Append(CultureInfo.InvariantCulture, $"<th>{Text(heading)}</th>");
        page.Append("</tr>\n");
        foreach (var run in outcomes)
            page.Append(CultureInfo.InvariantCulture, $"<tr>{string.Concat(Outcome.Columns.Select(column => $"<td>{Text(column.Figure(run))}</td>"))}</tr>\n");
        page.Append("</table></div></details>\n");
    }

    /// <summary>The harm of these runs in words.</summary>
    private static string Said(IReadOnlyList<Outcome> runs, string none) =>
        string.Join(", ", Harms.Select(harm => (harm.Name, Count: runs.Sum(harm.Count))).Where(harm => harm.Count > 0).Select(harm => $"{harm.Count} {harm.Name}").DefaultIfEmpty(none));

    private static void Key(StringBuilder page, IEnumerable<(string Name, string Class, Func<Outcome, int> Count)> kinds)
    {
        page.Append("<p>");
        foreach (var (name, color, _) in kinds)
            page.Append(CultureInfo.InvariantCulture, $"<span class=\"key\"><svg viewBox=\"0 0 10 10\"><rect class=\"{color}\" width=\"10\" height=\"10\"/></svg>{name}</span>");
        page.Append("</p>\n");
    }

    private static string Text(string text) => WebUtility.HtmlEncode(text);
}
