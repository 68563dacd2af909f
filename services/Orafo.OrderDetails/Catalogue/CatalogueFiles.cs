using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.EntityFrameworkCore;

namespace Orafo.OrderDetails.Catalogue;

/// <summary>A directory with <c>articles.json</c>, <c>customers.json</c> and <c>coupons.json</c>.</summary>
public static class CatalogueFiles
{
    private static readonly JsonSerializerOptions Format = new(JsonSerializerDefaults.Web)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        ReadCommentHandling = JsonCommentHandling.Skip,
    };

    /// <summary>Loads the directory of <c>Catalogue:Directory</c>, all or nothing, unless there are articles already.</summary>
    public static async Task LoadIfEmpty(IServiceProvider services)
    {
        if (services.GetRequiredService<IConfiguration>()["Catalogue:Directory"] is not { Length: > 0 } directory)
            return;
        await using var scope = services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<OrderDetailsDb>();
        if (await db.Articles.AnyAsync())
            return;

        var articles = Read<Article>(directory, "articles.json");
        var customers = Read<Customer>(directory, "customers.json");
        var coupons = Read<Coupon>(directory, "coupons.json");

        await using var transaction = await db.Database.BeginTransactionAsync();
        await db.Database.ExecuteSqlRawAsync(CatalogueStatements.LockForLoading);
        if (await db.Articles.AnyAsync())
            return;
        db.AddRange(articles);
        db.AddRange(customers);
        db.AddRange(coupons);
        await db.SaveChangesAsync();
        await transaction.CommitAsync();
        OrderDetailsLog.Loaded(services.GetRequiredService<ILogger<OrderDetailsDb>>(), articles.Length, customers.Length, coupons.Length, directory);
    }

    /// <exception cref="InvalidDataException">The file is not there or not well-formed; the message says which, where and why.</exception>
    public static T[] Read<T>(string directory, string file)
    {
        var path = Path.Combine(directory, file);
        try
        {
            return JsonSerializer.Deserialize<T[]>(File.ReadAllText(path), Format) ?? throw new InvalidDataException($"{path} holds null.");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path}, line {e.LineNumber + 1}, {e.Path}: {e.Message}", e);
        }
        catch (IOException e)
        {
            throw new InvalidDataException($"{path} cannot be read: {e.Message}", e);
        }
    }
}
