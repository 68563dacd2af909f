using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Net.Http.Headers;

namespace Orafo.OrderDetails.Catalogue.Administration;

/// <summary>Whoever keeps the catalogue: one entry, or a file of them.</summary>
public static class CatalogueEndpoints
{
    private const int LargestEntry = 64 * 1024;
    private const int LargestFile = 16 * 1024 * 1024;
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>A file is in memory while it is read: one at a time.</summary>
    private static readonly SemaphoreSlim OneFile = new(1);

    /// <summary><c>/articles</c>, <c>/customers</c> and <c>/coupons</c>.</summary>
    public static void MapCatalogue(this IEndpointRouteBuilder app)
    {
        Map(app, "/articles", CatalogueKinds.Articles);
        Map(app, "/customers", CatalogueKinds.Customers);
        Map(app, "/coupons", CatalogueKinds.Coupons);
    }

    public static void AddCatalogue(this IServiceCollection services) => services.AddSingleton<CatalogueStore>();

    private static void Map<T>(IEndpointRouteBuilder app, string path, CatalogueKind<T> kind) where T : class
    {
        app.MapGet(path + "/{key}", (string key, CatalogueStore store, HttpContext http, CancellationToken stop) => Get(kind, key, store, http, stop));
        app.MapPut(path + "/{key}", (string key, CatalogueStore store, HttpContext http, CancellationToken stop) => Put(kind, key, store, http, stop));
        app.MapPost(path + "/import", (CatalogueStore store, HttpContext http, CancellationToken stop) => Import(kind, store, http, stop));
    }

    private static async Task<IResult> Get<T>(CatalogueKind<T> kind, string key, CatalogueStore store, HttpContext http, CancellationToken stop) where T : class =>
        key.Length <= kind.LongestKey && !key.Any(char.IsControl) && await store.Find(kind, key, stop) is { } entry
            ? Show(kind, entry, http, StatusCodes.Status200OK)
            : TypedResults.Problem(statusCode: StatusCodes.Status404NotFound, title: $"There is no such {kind.What}.");

    /// <summary>Creates it (201) or replaces it (200). With If-Match or If-None-Match only if it is, or is not, what the client thinks.</summary>
    private static async Task<IResult> Put<T>(CatalogueKind<T> kind, string key, CatalogueStore store, HttpContext http, CancellationToken stop) where T : class
    {
        if (!IsOf(http, "application/json"))
            return WrongType("application/json");
        if (await ReadText(http.Request, LargestEntry, stop) is not { } text)
            return TooLarge(LargestEntry);
        if (text.Length == 0)
            return Refused(StatusCodes.Status400BadRequest, [new("", "Not in UTF-8, or empty.")], count: 1);

        var form = CatalogueForm.OfJson(text.AsMemory());
        var entry = kind.Read(key, form);
        if (form.OptionalText(kind.Key, kind.LongestKey) is { } own && own != key)
            form.Fault(kind.Key, "Not what the address says.");
        form.RefuseOthers();
        if (string.IsNullOrWhiteSpace(key) || key.Length > kind.LongestKey || key.Any(char.IsControl))
            form.Fault("", $"A {kind.Key} in the address has 1 to {kind.LongestKey} characters, no control characters.");
        if (form.Faults.Count > 0)
            return Refused(StatusCodes.Status400BadRequest, form.Faults, form.Faults.Count);

        var isExpected = true;
        CatalogueFault? conflict = null;
        T? before = null;
        var added = await store.Replace(kind, [entry], stored =>
        {
            before = stored.GetValueOrDefault(key);
            isExpected = IsExpected(http.Request, before is null ? null : CatalogueStore.TagOf(before));
            conflict = before is null ? null : kind.Conflict(before, entry);
            return isExpected && conflict is null;
        }, stop);
        if (!isExpected)
            return TypedResults.Problem(statusCode: StatusCodes.Status412PreconditionFailed, title: $"The {kind.What} is not what the request expects.");
        if (conflict is not null)
            return Refused(StatusCodes.Status409Conflict, [conflict], count: 1);
        if (added == 1)
            http.Response.Headers.Location = http.Request.Path.ToUriComponent();
        return Show(kind, await store.Find(kind, key, stop) ?? entry, http, added == 1 ? StatusCodes.Status201Created : StatusCodes.Status200OK);
    }

    /// <summary>Creates or replaces what the file names, all of it or nothing; what it does not name stays.</summary>
    private static async Task<IResult> Import<T>(CatalogueKind<T> kind, CatalogueStore store, HttpContext http, CancellationToken stop) where T : class
    {
        var isCsv = IsOf(http, "text/csv");
        if (!isCsv && !IsOf(http, "application/jsonl", "application/x-ndjson", "application/x-jsonlines"))
            return WrongType("text/csv, application/jsonl");
        await OneFile.WaitAsync(stop);
        try
        {
            if (await ReadText(http.Request, LargestFile, stop) is not { } text)
                return TooLarge(LargestFile);
            if (text.Length == 0)
                return Refused(StatusCodes.Status400BadRequest, [new("", "Not in UTF-8, or empty.")], count: 1);
            var file = new CatalogueFile<T>(kind);
            if (isCsv)
                file.ReadCsv(text);
            else
                file.ReadJsonLines(text);
            if (file.FaultCount > 0)
                return Refused(StatusCodes.Status400BadRequest, file.Faults, file.FaultCount);

            List<CatalogueFault> conflicts = [];
            var added = await store.Replace(kind, [.. file.Lines.Select(line => line.Entry)], stored =>
            {
                conflicts.Clear();
                foreach (var line in file.Lines)
                {
                    if (stored.TryGetValue(kind.KeyOf(line.Entry), out var before) && kind.Conflict(before, line.Entry) is { } conflict)
                        conflicts.Add(conflict with { Line = line.Number });
                }

                return conflicts.Count == 0;
            }, stop);
            return added is { } created
                ? TypedResults.Ok(new Imported(created, file.Lines.Count - created))
                : Refused(StatusCodes.Status409Conflict, [.. conflicts.Take(100)], conflicts.Count);
        }
        finally
        {
            OneFile.Release();
        }
    }

    /// <summary>Null if it is larger; empty if it is no UTF-8.</summary>
    private static async Task<string?> ReadText(HttpRequest request, int largest, CancellationToken stop)
    {
        if (request.ContentLength > largest)
            return null;
        using var body = new MemoryStream();
        var buffer = new byte[16 * 1024];
        for (int read; (read = await request.Body.ReadAsync(buffer, stop)) > 0;)
        {
            if (body.Length + read > largest)
                return null;
            body.Write(buffer, 0, read);
        }

        try
        {
            var bytes = body.GetBuffer().AsSpan(0, (int)body.Length);
            return Utf8.GetString(bytes.StartsWith(Encoding.UTF8.Preamble) ? bytes[Encoding.UTF8.Preamble.Length..] : bytes);
        }
        catch (DecoderFallbackException)
        {
            return "";
        }
    }

    private static bool IsOf(HttpContext http, params string[] types) =>
        MediaTypeHeaderValue.TryParse(http.Request.ContentType, out var type) && types.Contains(type.MediaType.Value, StringComparer.OrdinalIgnoreCase);

    /// <summary>RFC 9110, 13.1.1 and 13.1.2.</summary>
    private static bool IsExpected(HttpRequest request, string? tag)
    {
        var headers = request.GetTypedHeaders();
        bool Names(IList<EntityTagHeaderValue> tags) => tags.Any(one => tag is not null && (one.Tag == "*" || (!one.IsWeak && one.Tag == $"\"{tag}\"")));
        return (headers.IfMatch.Count == 0 || Names(headers.IfMatch)) && (headers.IfNoneMatch.Count == 0 || !Names(headers.IfNoneMatch));
    }

    private static JsonHttpResult<JsonObject> Show<T>(CatalogueKind<T> kind, T entry, HttpContext http, int statusCode)
    {
        http.Response.Headers.ETag = $"\"{CatalogueStore.TagOf(entry)}\"";
        http.Response.Headers.CacheControl = "private, no-cache";
        var shown = JsonSerializer.SerializeToNode(entry, CatalogueStore.Format)!.AsObject();
        foreach (var (name, counter) in kind.Counters(entry))
            shown[name] = counter?.DeepClone();
        return TypedResults.Json(shown, CatalogueStore.Format, statusCode: statusCode);
    }

    private static ProblemHttpResult Refused(int status, IReadOnlyList<CatalogueFault> faults, int count) => TypedResults.Problem(
        statusCode: status,
        title: status == StatusCodes.Status409Conflict ? "Orders have gone further than that. Nothing was changed." : "Nothing was changed.",
        extensions: new Dictionary<string, object?>(StringComparer.Ordinal) { ["errors"] = faults, ["count"] = count });

    private static ProblemHttpResult TooLarge(int largest) =>
        TypedResults.Problem(statusCode: StatusCodes.Status413PayloadTooLarge, title: $"At most {largest} bytes.");

    private static ProblemHttpResult WrongType(string types) =>
        TypedResults.Problem(statusCode: StatusCodes.Status415UnsupportedMediaType, title: $"One of {types}.");
}

/// <summary>What became of a file.</summary>
public sealed record Imported(int Created, int Replaced);
