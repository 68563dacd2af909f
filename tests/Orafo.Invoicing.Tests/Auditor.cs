using Npgsql;
using Orafo.Cli;

namespace Orafo.Invoicing.Tests;

/// <summary>Somebody with psql and the README, and nothing else.</summary>
internal static class Auditor
{
    public static readonly string Readme = File.ReadAllText(Path.Combine(Repository.Root, "services", "Orafo.Invoicing", "README.md"));

    /// <summary>The README's statement.</summary>
    private static string Statement => Readme.Split("```sql")[1].Split("```")[0];

    /// <summary>The documents that are not what was issued, or not after what they were issued after.</summary>
    public static async Task<IReadOnlyList<string>> BrokenLinks(string database)
    {
        await using var connection = new NpgsqlConnection(database);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(Statement, connection);
        await using var rows = await command.ExecuteReaderAsync();
        List<string> broken = [];
        while (await rows.ReadAsync())
            broken.Add(rows.GetString(0));
        return broken;
    }
}
