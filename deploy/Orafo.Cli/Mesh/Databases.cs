using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json;
using Npgsql;
using Orafo.Cli.Servers;

namespace Orafo.Cli.Mesh;

/// <summary>Roles, databases and their schemas.</summary>
internal sealed class Databases(DataDirectory data, Secrets secrets, PrivatePostgres server, Watchdog watchdog)
{
    // Four services of 40 connections each stay below PostgreSQL's 200, with room for migrations, the audit and people.
    private const int ConnectionsPerService = 40;

    public static string ConnectionString(int port, string database, string user, string password, int connections = ConnectionsPerService) =>
        new NpgsqlConnectionStringBuilder
        {
            Host = PrivatePostgres.Host,
            Port = port,
            Database = database,
            Username = user,
            Password = password,
            MaxPoolSize = connections,
        }.ConnectionString;

    /// <summary>Runs deploy/postgres/services.sql, which leaves alone what is there.</summary>
    public async Task CreateAsync(CancellationToken cancellationToken)
    {
        var psql = Path.Combine(Installation.PostgresBinaries!, "psql");
        var start = new ProcessStartInfo(psql, ["--no-psqlrc", "--file", Path.Combine(Repository.Root, "deploy", "postgres", "services.sql")])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        foreach (var (variable, value) in secrets.Variables())
            start.Environment[variable] = value;
        (start.Environment["PGHOST"], start.Environment["PGPORT"]) = (PrivatePostgres.Host, $"{server.Port}");
        (start.Environment["PGUSER"], start.Environment["PGPASSWORD"], start.Environment["PGDATABASE"]) = (PrivatePostgres.User, server.Password, "postgres");
        using var process = Process.Start(start) ?? throw new OrafoException("psql does not start.");
        var output = process.StandardOutput.ReadToEndAsync(cancellationToken);
        var errors = process.StandardError.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        if (process.ExitCode != 0)
            throw new OrafoException($"The databases could not be created:\n{await output}{await errors}");
    }

    /// <summary>Brings each database to the state that its service wants; what was migrated by this very build already is left alone.</summary>
    public async Task MigrateAsync(CancellationToken cancellationToken)
    {
        var wanted = MeshService.All.ToDictionary(service => service.Name, Fingerprint, StringComparer.Ordinal);
        var done = File.Exists(data.Migrated) ? JsonSerializer.Deserialize<Dictionary<string, string>>(await File.ReadAllTextAsync(data.Migrated, cancellationToken)) : null;
        var left = MeshService.All.Where(service => done?.GetValueOrDefault(service.Name) != wanted[service.Name]).ToArray();
        await Task.WhenAll(left.Select(service => Migrate(service, cancellationToken)));
        if (left.Length > 0)
            Account.WritePrivateFile(data.Migrated, JsonSerializer.Serialize(wanted), user: null);
    }

    private async Task Migrate(MeshService service, CancellationToken cancellationToken)
    {
        var log = data.Log(service.Name);
        var owner = ConnectionString(server.Port, service.Database, service.Owner, secrets.Owners[service.Name], connections: 2);
        await using var process = ChildProcess.Start(
            $"{service.Name} migrate", [Repository.Dotnet, Repository.Image(service.Project), "migrate"],
            new Dictionary<string, string?> { ["ConnectionStrings__Database"] = owner, ["ConnectionStrings__Broker"] = "amqp://127.0.0.1/" }, log, watchdog);
        if (await process.Exited.WaitAsync(cancellationToken) is var exitCode and not 0)
            throw new OrafoException($"The database of {service.Name} could not be migrated (exit code {exitCode}); see {log}.");
    }

    /// <summary>Of the program and of the cluster: another one of either is another matter.</summary>
    private string Fingerprint(MeshService service) =>
        Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Repository.Image(service.Project))))
        + "@" + File.GetLastWriteTimeUtc(Path.Combine(data.Postgres, "data", "PG_VERSION")).Ticks;
}
