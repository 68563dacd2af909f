using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Orafo.ServiceDefaults;

namespace Orafo.Ordering.Access;

/// <summary><c>keys add</c>, <c>keys list</c>, <c>keys revoke</c>: what an operator does about API keys, by the service's own program.</summary>
internal static class KeysCommand
{
    private const string Usage = """
        keys add CLIENT --scopes orders:write,orders:read [--days N]   Makes a key and prints it, this once.
        keys list [CLIENT]                                             Which there are; of each, what is no secret.
        keys revoke PREFIX                                             Lets nobody in by it any more, within ten seconds.
        """;

    /// <returns>0 if it was done; 2 if it was not understood.</returns>
    public static async Task<int> RunAsync(IServiceProvider services, string[] command, TextWriter screen, TextWriter errors)
    {
        await using var scope = services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<OrderingDb>();
        var now = services.GetRequiredService<TimeProvider>().GetStorableNow();
        return command switch
        {
            ["add", var client, "--scopes", var scopes] => await Add(db, client, scopes, now, expiresAt: null, screen, errors),
            ["add", var client, "--scopes", var scopes, "--days", var text]
                when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var days) && days is > 0 and <= 3660
                => await Add(db, client, scopes, now, now.AddDays(days), screen, errors),
            ["list"] => await List(db.ApiKeys, now, screen),
            ["list", var client] => await List(db.ApiKeys.Where(key => key.Client == client), now, screen),
            ["revoke", var prefix] => await Revoke(db, prefix, now, screen, errors),
            _ => Say(errors, Usage, 2),
        };
    }

    private static async Task<int> Add(
        OrderingDb db, string client, string list, DateTimeOffset now, DateTimeOffset? expiresAt, TextWriter screen, TextWriter errors)
    {
        var scopes = list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (!ApiKey.IsClientName(client))
            return Say(errors, $"A client's name is 1 to {ApiKey.LongestClient} of a-z, 0-9, dash and dot.", 2);
        if (scopes.Length == 0 || scopes.Except(Scopes.All).Any())
            return Say(errors, $"Scopes are {string.Join(", ", Scopes.All)}.", 2);
        var (key, text) = ApiKey.Create(client, scopes, now, expiresAt);
        db.ApiKeys.Add(key);
        await db.SaveChangesAsync();
        return Say(screen, text, 0);
    }

    private static async Task<int> List(IQueryable<ApiKey> keys, DateTimeOffset now, TextWriter screen)
    {
        foreach (var key in await keys.AsNoTracking().OrderBy(key => key.Client).ThenBy(key => key.CreatedAt).ToArrayAsync())
        {
            var state = key.RevokedAt is { } revoked ? $"revoked {revoked:u}" : key.ExpiresAt is not { } end ? "valid" : end <= now ? $"expired {end:u}" : $"valid until {end:u}";
            await screen.WriteLineAsync($"{key.Prefix}  {key.Client,-24} {string.Join(',', key.Scopes),-38} since {key.CreatedAt:u}, {state}");
        }

        return 0;
    }

    private static async Task<int> Revoke(OrderingDb db, string prefix, DateTimeOffset now, TextWriter screen, TextWriter errors)
    {
        // Pasted whole, by mistake or in haste, it is the same key.
        var name = ApiKey.PrefixOf(prefix) ?? prefix;
        if (await db.ApiKeys.FindAsync(name) is not { } key)
            return Say(errors, "There is no such key.", 1);
        key.RevokedAt ??= now;
        await db.SaveChangesAsync();
        return Say(screen, $"{key.Prefix} of {key.Client} lets nobody in any more.", 0);
    }

    private static int Say(TextWriter to, string what, int exitCode)
    {
        to.WriteLine(what);
        return exitCode;
    }
}
