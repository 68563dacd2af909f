using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Orafo.Ordering.Access;

namespace Orafo.Ordering.Tests.Intake;

/// <summary>What the OpenAPI document and the README say, against the service.</summary>
public sealed partial class The_api_description
{
    [Test]
    public async Task Is_OpenAPI_3_1_and_says_how_to_get_in()
    {
        var document = await Document();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(document.GetProperty("openapi").GetString(), Does.StartWith("3.1."));
            Assert.That(document.GetProperty("components").GetProperty("securitySchemes").GetProperty("apiKey").GetProperty("name").GetString(), Is.EqualTo("X-Api-Key"));
            foreach (var (name, operation) in Operations(document).Select(one => ($"{one.Method} {one.Path}", one.Operation)))
            {
                Assert.That(operation.GetProperty("security").EnumerateArray().SelectMany(one => one.EnumerateObject()).Select(one => one.Name), Is.EqualTo(new[] { "apiKey", "token" }), name);
                Assert.That(Examples(operation).Any(), Is.True, $"{name} has an example");
            }
        }
    }

    /// <remarks>A status that an example shows is what the service answers, with the members that the example has, all of which the schema knows.</remarks>
    [Test]
    public async Task Has_examples_that_are_true()
    {
        var service = await IntakeService.Shared;
        var document = await Document();
        var replayed = 0;
        foreach (var (method, path, operation) in Operations(document))
        {
            foreach (var (name, status, example, schema) in Examples(operation))
            {
                using var client = await service.Client([.. Scopes.All]);
                var id = operation.GetProperty("operationId").GetString();
                var place = await Prepare(service, client, $"{id} {name}", path);
                var body = operation.TryGetProperty("requestBody", out var request)
                    ? request.GetProperty("content").GetProperty("application/json").GetProperty("examples").GetProperty(name).GetProperty("value").GetRawText()
                    : null;
                using var answer = await client.Send(new(method.ToUpperInvariant()), place, body);
                Assert.That((int)answer.StatusCode, Is.EqualTo(status), $"{id} {name}: {await answer.Content.ReadAsStringAsync()}");
                var said = await answer.Json();
                Assert.That(Members(said, ""), Is.EquivalentTo(Members(example, "")), $"{id} {name}");
                Assert.That(Unknown(example, schema, document, ""), Is.Empty, $"{id} {name}");
                replayed++;
            }
        }

        Assert.That(replayed, Is.GreaterThanOrEqualTo(22));
    }

    [Test]
    public async Task Has_curl_lines_in_the_README_that_work()
    {
        await using var wire = await InvoicesOnAWire.Start();
        // The service ends the stream of events, so that it has them all, before curl's second is over or after it.
        await using var service = await wire.StartIntake(("Intake:Heartbeat", "00:00:00.1"), ("Intake:LongestStream", "00:00:00.3"));
        using var client = await service.Client([.. Scopes.All]);
        var readme = await File.ReadAllTextAsync(Path.Combine(TestContext.CurrentContext.TestDirectory, "README.md"));
        var script = string.Join('\n', Shell().Matches(readme).Select(block => block.Groups["lines"].Value));
        Assert.That(script, Does.Contain("curl").And.Contain("curl -sN -m 1 "));
        script = script.Replace("curl -sN -m 1 ", "curl -sN ", StringComparison.Ordinal);
        var directory = Directory.CreateTempSubdirectory("orafo-readme-");
        var start = new ProcessStartInfo("bash", ["-euo", "pipefail", "-c", script]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = directory.FullName };
        start.Environment["API"] = client.BaseAddress!.ToString().TrimEnd('/');
        start.Environment["KEY"] = client.DefaultRequestHeaders.GetValues("X-Api-Key").Single();
        using var bash = Process.Start(start)!;
        var output = bash.StandardOutput.ReadToEndAsync();
        var errors = bash.StandardError.ReadToEndAsync();
        await bash.WaitForExitAsync();
        Assert.That(bash.ExitCode, Is.Zero, $"{await output}\n{await errors}");
        Assert.That(await output, Does.Contain("\"timeline\"").And.Contain("event: transition").And.Contain("304").And.Contain("application/pdf"));
        Assert.That(await File.ReadAllBytesAsync(Path.Combine(directory.FullName, "invoice.pdf")), Is.EqualTo(InvoicesOnAWire.Pdf));
        directory.Delete(recursive: true);
    }

    /// <summary>Brings about what the example tells of; returns the address to ask.</summary>
    private static async Task<string> Prepare(IntakeService service, HttpClient client, string example, string path)
    {
        if (example is "PutCallback again" or "GetCallback set" or "ReplaceCallbackSecret replaced")
        {
            using var set = await client.Send(HttpMethod.Put, "callback", """{"url":"https://shop.example/orders"}""");
            Assert.That((int)set.StatusCode, Is.EqualTo(201));
        }

        if (example == "ListParkedCallbacks page")
        {
            // In one transaction: no worker sees it before it is parked.
            await service.Look(db => db.Database.ExecuteSqlRawAsync(
                """
                insert into callback_job (payload, metadata, deduplication_key) values ('null', '{{"client":"shop"}}', gen_random_uuid()::text);
                update callback_job set state = 'parked', attempts = 30, last_error = 'The receiver answered 500.' where metadata ->> 'client' = 'shop';
                """));
        }

        if (example.EndsWith(" unknown", StringComparison.Ordinal))
            return path.Replace("{id}", Guid.CreateVersion7().ToString(), StringComparison.Ordinal);
        if (example == "ListOrders page" || path.Contains("{id}", StringComparison.Ordinal))
        {
            using var owner = example == "ListOrders page" ? null : await service.Client();
            var order = await (owner ?? client).PlaceGood(
                """{"customerNumber":"C-1001","couponCode":"BENVENUTO10","lines":[{"sku":"ESP-001","quantity":2}]}""");
            var state = example switch
            {
                "ListOrders page" or "GetOrder invoiced" => "HandingOver",
                "CancelOrder final" => "Completed",
                "ResumeOrder accepted" => "Suspended",
                _ => "Invoicing",
            };
            await service.Look(async db =>
            {
                var saga = await db.Sagas.FindAsync(order);
                (saga!.InvoiceNumber, saga.Currency, saga.Gross) = ("2026-000042", "EUR", 94.79m);
                return await db.SaveChangesAsync();
            });
            await service.Bring(order, state);
            service.SeeOneDone();
            if (example == "ListOrders page")
            {
                await client.PlaceGood();
                // An administrator sees others' orders as well: this one is the first after the one before it.
                var before = new Guid(order.ToByteArray(bigEndian: true).Select((b, i) => i < 15 ? b : (byte)Math.Max(0, b - 1)).ToArray(), bigEndian: true);
                return $"/orders?after={before}&limit=1";
            }

            return path.Replace("{id}", order.ToString(), StringComparison.Ordinal);
        }

        return path;
    }

    private static async Task<JsonElement> Document()
    {
        using var stranger = (await IntakeService.Shared).Anonymous();
        using var answer = await stranger.Send(HttpMethod.Get, "/openapi/v1.json");
        return await answer.Json();
    }

    private static IEnumerable<(string Method, string Path, JsonElement Operation)> Operations(JsonElement document) =>
        from path in document.GetProperty("paths").EnumerateObject()
        from operation in path.Value.EnumerateObject()
        select (operation.Name, path.Name, operation.Value);

    private static IEnumerable<(string Name, int Status, JsonElement Example, JsonElement Schema)> Examples(JsonElement operation) =>
        from response in operation.GetProperty("responses").EnumerateObject()
        where response.Value.TryGetProperty("content", out _)
        from content in response.Value.GetProperty("content").EnumerateObject()
        where content.Value.TryGetProperty("examples", out _)
        from example in content.Value.GetProperty("examples").EnumerateObject()
        select (example.Name, int.Parse(response.Name, System.Globalization.CultureInfo.InvariantCulture), example.Value.GetProperty("value"), content.Value.GetProperty("schema"));

    /// <summary>Every member's path, whichever element of a list it is in.</summary>
    private static HashSet<string> Members(JsonElement value, string path) => value.ValueKind switch
    {
        JsonValueKind.Object => [.. value.EnumerateObject().SelectMany(member => Members(member.Value, $"{path}/{member.Name}").Append($"{path}/{member.Name}"))],
        JsonValueKind.Array => [.. value.EnumerateArray().SelectMany(element => Members(element, path + "/*"))],
        _ => [],
    };

    /// <summary>What an example has and its schema does not know.</summary>
    private static IEnumerable<string> Unknown(JsonElement value, JsonElement schema, JsonElement document, string path)
    {
        while (true)
        {
            if (schema.TryGetProperty("$ref", out var reference))
                schema = document.GetProperty("components").GetProperty("schemas").GetProperty(reference.GetString()!.Split('/')[^1]);
            else if (schema.TryGetProperty("oneOf", out var choices))
                schema = choices.EnumerateArray().Single(choice => !choice.TryGetProperty("type", out var type) || type.ValueKind != JsonValueKind.String || type.GetString() != "null");
            else
                break;
        }

        return value.ValueKind switch
        {
            JsonValueKind.Object => value.EnumerateObject().SelectMany(member =>
                schema.TryGetProperty("properties", out var known) && known.TryGetProperty(member.Name, out var its)
                    ? Unknown(member.Value, its, document, $"{path}/{member.Name}")
                    : [$"{path}/{member.Name}"]),
            JsonValueKind.Array => value.EnumerateArray().SelectMany(element => Unknown(element, schema.GetProperty("items"), document, path + "/*")),
            _ => [],
        };
    }

    [GeneratedRegex(@"^```sh\n(?<lines>.*?)^```", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Shell();
}
