using System.Text.Json;
using System.Text.Json.Nodes;

namespace Orafo.Cli.Disturbing;

/// <summary>An order that a chaos run places.</summary>
/// <param name="Name">For messages.</param>
/// <param name="Body">As JSON.</param>
/// <param name="Ends">What it may become if nobody cancels it.</param>
internal sealed record SampleOrder(string Name, string Body, params IReadOnlyList<string> Ends)
{
    private const string Completed = "Completed";
    private const string Rejected = "Rejected";

    /// <summary>There are few of it, as many as a small shop has.</summary>
    private const string ScarceArticle = "TRF-01";

    private const long Plenty = 10_000_000;
    private static readonly string Directory = Path.Combine(Repository.Root, "deploy", "samples");

    /// <summary>All that are placed; those that are placed more often come several times.</summary>
    public static async Task<IReadOnlyList<SampleOrder>> Load(CancellationToken stop)
    {
        List<SampleOrder> good = [], bad = [];
        foreach (var file in System.IO.Directory.GetFiles(Path.Combine(Directory, "orders"), "*.json").Order(StringComparer.Ordinal))
        {
            var (name, body) = (Path.GetFileNameWithoutExtension(file), await File.ReadAllTextAsync(file, stop));
            if (name.StartsWith("good-", StringComparison.Ordinal))
                good.Add(new(name, body, Completed));
            else
                bad.Add(new(name, body, Rejected));
        }

        var electronic = JsonNode.Parse(good.Single(sample => sample.Name == "good-espresso").Body)!;
        electronic["invoiceDelivery"] = "electronic";
        good.Add(new("good-electronic", electronic.ToJsonString(), Completed));
        // The last pieces, and the last uses of a coupon: who gets them is a matter of luck, and that there are no more of them one for the audit.
        var scarce = new SampleOrder(
            "scarce", $$"""{"customerNumber": "C-1011", "couponCode": "PRIMI100", "lines": [{"sku": "{{ScarceArticle}}", "quantity": 1}]}""", Completed, Rejected);
        return [.. Enumerable.Repeat(good, 6).SelectMany(all => all), .. bad, .. Enumerable.Repeat(scarce, 4)];
    }

    /// <summary>The articles of the samples as JSON lines, with enough of each but one, so that a run does not run out of them.</summary>
    public static async Task<string> Articles(CancellationToken stop)
    {
        var articles = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(Directory, "articles.json"), stop))!.AsArray();
        foreach (var article in articles.Where(article => (string?)article!["sku"] != ScarceArticle))
            article!["stock"] = Plenty;
        return string.Join('\n', articles.Select(article => article!.ToJsonString(JsonSerializerOptions.Web)));
    }
}
