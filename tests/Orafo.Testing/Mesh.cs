using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using Orafo.Cli;
using Orafo.Cli.Servers;

namespace Orafo.Testing;

/// <summary>A whole mesh in a directory of its own, started and stopped as a user does it: every part a process.</summary>
public sealed class Mesh : IAsyncDisposable
{
    private readonly string _directory;

    private readonly IReadOnlyDictionary<string, string?> _settings;

    private Mesh(string directory, IReadOnlyDictionary<string, string?>? settings) => (_directory, _settings) = (directory, settings ?? new Dictionary<string, string?>());

    /// <summary>The intake.</summary>
    public HttpClient Api { get; private set; } = null!;

    public string Directory => _directory;

    /// <summary><c>up --detach</c>.</summary>
    /// <param name="printSeconds">How long a page takes.</param>
    /// <param name="settings">Environment variables of everything in it.</param>
    public static async Task<Mesh> StartAsync(double printSeconds, IReadOnlyDictionary<string, string?>? settings = null)
    {
        await Installation.EnsureAsync(Console.Error.WriteLine, CancellationToken.None);
        var mesh = new Mesh(System.IO.Directory.CreateTempSubdirectory("orafo-mesh-").FullName, settings);
        await mesh.UpAsync(printSeconds);
        return mesh;
    }

    public async Task UpAsync(double printSeconds)
    {
        var (exitCode, output) = await RunAsync("up", "--detach", "--print-seconds", printSeconds.ToString(CultureInfo.InvariantCulture));
        if (exitCode != 0)
            throw new OrafoException($"The mesh does not start:\n{output}\n{string.Join('\n', System.IO.Directory.EnumerateFiles(Path.Combine(_directory, "logs")).Select(File.ReadAllText))}");
        var supervisor = Orafo.Cli.Mesh.MeshState.Running(new(_directory)).Supervisor;
        TestServers.Watchdog.Register(supervisor.Pid, supervisor.StartTime);
        Api = await ConnectAsync();
        Api.Timeout = TimeSpan.FromSeconds(30);
    }

    /// <summary>Another client of the intake, with its key.</summary>
    public async Task<HttpClient> ConnectAsync()
    {
        var status = await StatusAsync();
        return new HttpClient
        {
            BaseAddress = new Uri(status.GetProperty("api").GetString()!),
            DefaultRequestHeaders = { { "X-Api-Key", status.GetProperty("apiKey").GetString() } },
        };
    }

    /// <summary>A client of a service that is not for clients, with the operators' key.</summary>
    public async Task<HttpClient> ConnectAsync(string service)
    {
        var address = (await StatusAsync()).GetProperty("services").EnumerateArray().Single(part => part.GetProperty("name").GetString() == service).GetProperty("url").GetString()!;
        return new HttpClient
        {
            BaseAddress = new Uri(address),
            DefaultRequestHeaders = { { "X-Api-Key", (await File.ReadAllTextAsync(new Orafo.Cli.Mesh.DataDirectory(_directory).OperatorKey)).Trim() } },
        };
    }

    /// <summary>A client of its broker's management.</summary>
    public async Task<HttpClient> ConnectToManagementAsync()
    {
        var management = (await StatusAsync()).GetProperty("management");
        var credentials = $"{management.GetProperty("user").GetString()}:{management.GetProperty("password").GetString()}";
        return new HttpClient
        {
            BaseAddress = new Uri(management.GetProperty("url").GetString() + "/api/"),
            DefaultRequestHeaders = { Authorization = new("Basic", Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(credentials))) },
        };
    }

    /// <summary>Runs a command of the launcher on this mesh.</summary>
    public Task<(int ExitCode, string Output)> RunAsync(params string[] arguments) => RunLauncherAsync(_settings, [.. arguments, "--data", _directory]);

    /// <summary>Runs a command of the launcher.</summary>
    public static Task<(int ExitCode, string Output)> RunLauncherAsync(params string[] arguments) => RunLauncherAsync(new Dictionary<string, string?>(), arguments);

    private static async Task<(int ExitCode, string Output)> RunLauncherAsync(IReadOnlyDictionary<string, string?> settings, string[] arguments)
    {
        var start = new ProcessStartInfo(Repository.Dotnet, [Repository.Binary("Orafo.Cli"), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["ORAFO_HOME"] = Repository.Root;
        foreach (var (name, value) in settings)
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output + await errors);
    }

    /// <summary>The directories of a command that has a mesh to itself. A run that was killed leaves its own: compare with those that were there before.</summary>
    public static string[] Leftovers(string command) => System.IO.Directory.GetDirectories(Path.GetTempPath(), $"orafo-{command}-*");

    /// <summary><c>status --json</c>.</summary>
    public async Task<JsonElement> StatusAsync() => JsonDocument.Parse((await RunAsync("status", "--json")).Output).RootElement;

    /// <summary>SIGKILL to a part, by its name in the status.</summary>
    public async Task KillAsync(string part) => ChildProcess.Signal(await PidAsync(part), ChildProcess.Kill);

    public async Task<int> PidAsync(string part) =>
        (await StatusAsync()).GetProperty("services").EnumerateArray().Single(service => service.GetProperty("name").GetString() == part).GetProperty("pid").GetInt32();

    /// <summary>SIGSTOP to a part until disposed: it is there, and answers nothing.</summary>
    public async Task<IDisposable> PauseAsync(string part) => new Pause(await PidAsync(part));

    /// <summary>A sample order's text.</summary>
    public static string Sample(string name) => File.ReadAllText(Path.Combine(Repository.Root, "deploy", "samples", "orders", name + ".json"));

    /// <summary>Places an order; null if it was not accepted.</summary>
    public async Task<Uri?> PlaceAsync(string order, string? idempotencyKey = null)
    {
        using var answer = await PostAsync(order, idempotencyKey is null ? [] : [("Idempotency-Key", idempotencyKey)]);
        return answer.IsSuccessStatusCode ? answer.Headers.Location : null;
    }

    /// <summary>Posts an order as it is.</summary>
    public Task<HttpResponseMessage> PostAsync(string order, params (string Name, string Value)[] headers) => PostAsync(Api, order, headers);

    /// <summary>The same with another client, which may be more patient.</summary>
    public static async Task<HttpResponseMessage> PostAsync(HttpClient http, string order, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri("orders", UriKind.Relative));
        request.Content = new StringContent(order, System.Text.Encoding.UTF8, "application/json");
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        return await http.SendAsync(request);
    }

    /// <summary>An order's status, once it is one of those given. It may be asked while parts of the mesh are away.</summary>
    public async Task<JsonElement> FollowAsync(Uri order, params string[] until)
    {
        var started = Stopwatch.GetTimestamp();
        var seen = "nothing";
        while (Stopwatch.GetElapsedTime(started) < TimeSpan.FromMinutes(4))
        {
            try
            {
                var status = await Api.GetFromJsonAsync<JsonElement>(order);
                seen = status.ToString();
                if (until.Contains(status.GetProperty("status").GetString()))
                    return status;
            }
            // Nobody answers, or not in time.
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException { InnerException: TimeoutException })
            {
                seen = e.Message;
            }

            await Task.Delay(50); // The interval of looking, not the time to wait.
        }

        throw new TimeoutException($"{order} did not become {string.Join(" or ", until)}; last seen: {seen}");
    }

    /// <summary><c>down</c>, then the directory is removed.</summary>
    public async ValueTask DisposeAsync()
    {
        await RunAsync("down");
        Api?.Dispose();
        System.IO.Directory.Delete(_directory, recursive: true);
    }
}
