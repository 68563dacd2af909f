using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using Npgsql;
using Orafo.Cli.Benchmarking;
using Orafo.Cli.Mesh;
using Orafo.Cli.Servers;

namespace Orafo.Cli.Comparing;

/// <summary>A step that runs, with a printer of its own.</summary>
/// <param name="printer">That, started.</param>
internal abstract class Contestant(RecordingPrinter printer) : IAsyncDisposable
{
    /// <summary>The beginning of the numbers of orders that a step is warmed up with.</summary>
    public const string WarmUpPrefix = "warm-up-";

    /// <summary>Who uses no more than that of one processor is at rest.</summary>
    private const double AtRest = 0.1;

    private static readonly TimeSpan LongestToRest = TimeSpan.FromSeconds(15);

    public RecordingPrinter Printer => printer;

    /// <summary>Places an order.</summary>
    /// <returns>What <see cref="NumberOf"/> knows it by, once it is accepted; null if the client was told that it is not.</returns>
    /// <exception cref="HttpRequestException">Nobody answers.</exception>
    /// <exception cref="TaskCanceledException">Not in time.</exception>
    public abstract Task<string?> Place(string number, CancellationToken stop);

    /// <summary>The number on the page of an accepted order; null if it has none yet.</summary>
    public abstract Task<string?> NumberOf(string accepted);

    /// <summary>How many pages it still means to print; null if it does not answer.</summary>
    public abstract Task<long?> Left();

    /// <summary>How many messages RabbitMQ has delivered and waits for, if they are not among those left. It may be some seconds late.</summary>
    public virtual Task<long> Unacknowledged() => Task.FromResult(0L);

    /// <summary>SIGKILL, and a new one.</summary>
    public abstract Task Kill();

    /// <summary>Returns when the new one answers.</summary>
    public abstract Task UntilBack();

    /// <summary>RabbitMQ closes all its connections.</summary>
    public abstract Task Disconnect();

    /// <summary>RabbitMQ stands still (SIGSTOP): it takes what is sent, as far as the kernel does, and answers nothing.</summary>
    public abstract Task HangBroker();

    public abstract Task KillBroker();

    public abstract Task UntilBrokerIsBack();

    /// <summary>What it has used up to now is not asked about.</summary>
    public abstract void BeginToCount();

    /// <summary>CPU since <see cref="BeginToCount"/>, in seconds; also of processes that were killed.</summary>
    public abstract double CpuSeconds();

    /// <summary>Since <see cref="BeginToCount"/>.</summary>
    public abstract double PeakMemoryMiB();

    /// <summary>How often one of its processes has ended, whatever ended it.</summary>
    public abstract int Deaths();

    public abstract ValueTask DisposeAsync();

    /// <summary>Orders that are nobody's: they pay for the just-in-time compiler. Returns when they are done.</summary>
    /// <exception cref="HttpRequestException">One of them is not taken.</exception>
    protected async Task WarmUp(int orders, bool prints, CancellationToken stop)
    {
        await Parallel.ForEachAsync(Enumerable.Range(1, orders), new ParallelOptions { MaxDegreeOfParallelism = Measurement.Clients, CancellationToken = stop }, async (number, cancellation) =>
            await Until.Works(async () =>
            {
                if (await Place(string.Create(CultureInfo.InvariantCulture, $"{WarmUpPrefix}{number}"), cancellation) is null)
                    throw new HttpRequestException("An order to warm up with is not taken.");
            }));
        await Measurement.Until(async () => await Left() == 0 && (!prints || (await Printer.Papers()).Count(paper => paper.PrintedAt is not null) >= orders), stop);
    }

    /// <summary>Returns when it does next to nothing any more.</summary>
    protected async Task Rest(CancellationToken stop)
    {
        BeginToCount();
        for (var (began, before) = (Stopwatch.GetTimestamp(), -1.0); Stopwatch.GetElapsedTime(began) < LongestToRest;)
        {
            var look = Stopwatch.GetTimestamp();
            await Task.Delay(TimeSpan.FromMilliseconds(500), stop);
            var (used, passed) = (CpuSeconds(), Stopwatch.GetElapsedTime(look).TotalSeconds);
            if (before >= 0 && used - before < AtRest * passed)
                return;
            before = used;
        }
    }
}

/// <summary>One of the small programs, with the servers of all of them and a database and a virtual host of its own.</summary>
internal sealed class SmallProgram(Step step, Setup setup, CompareServers servers, string directory, RecordingPrinter printer) : Contestant(printer)
{
    /// <summary>Whoever looks for what is left would miss what happens meanwhile.</summary>
    private static readonly TimeSpan LongestLook = TimeSpan.FromSeconds(2);

    private readonly HttpClient _http = new() { Timeout = setup.ClientPatience };
    private readonly string _name = Path.GetFileName(directory);
    private readonly List<KeptAlive> _programs = [];
    private int _placed;
    private double _postgresBefore;
    private double _brokerBefore;
    private double _brokerKilled;

    /// <summary>Returns when it is warm.</summary>
    public async Task Start(CancellationToken stop)
    {
        if (step.UsesDatabase)
            await servers.CreateDatabase(_name, stop);
        if (step.UsesBroker)
            await servers.CreateVirtualHost(_name, stop);
        if (setup.ConsumerTimeout is { } timeout)
            await servers.ShortenPatience(timeout);
        var environment = new Dictionary<string, string?>([.. setup.Environment, .. setup.Memory?.Environment ?? new Dictionary<string, string?>()], StringComparer.Ordinal)
        {
            ["Evolution__TimeScale"] = setup.TimeScale.ToString(CultureInfo.InvariantCulture),
            ["Evolution__Printer"] = Printer.Address.ToString(),
            ["ConnectionStrings__Database"] = step.UsesDatabase ? servers.Postgres.ConnectionString(_name) : null,
            ["ConnectionStrings__Broker"] = step.UsesBroker ? servers.Broker.Uri(servers.BrokerUser, _name) : null,
        };
        for (var i = 1; i <= setup.Instances; i++)
        {
            _programs.Add(new(
                $"{step.Name}-{i}", [Repository.Dotnet, Repository.Binary("Orafo.Evolution"), step.Name], directory, servers.Watchdog, environment, setup.Memory?.Directory));
            await _programs[^1].Start(stop);
        }

        await WarmUp(setup.WarmUpOrders, step.Prints, stop);
        if (setup.Rests)
            await Rest(stop);
        if (setup.WarmUpPage != setup.Page)
            await Printer.NewRecord(setup.Page);
    }

    public override async Task<string?> Place(string number, CancellationToken stop)
    {
        var program = _programs[Interlocked.Increment(ref _placed) % _programs.Count];
        using var answer = await _http.PostAsJsonAsync(new Uri(program.Url + "/order"), new { number, setup.Document }, stop);
        return answer.IsSuccessStatusCode ? number : null;
    }

    public override Task<string?> NumberOf(string accepted) => Task.FromResult<string?>(accepted);

    /// <summary>By the first one that answers.</summary>
    public override async Task<long?> Left()
    {
        foreach (var program in _programs)
        {
            using var patience = new CancellationTokenSource(LongestLook);
            try
            {
                return await _http.GetFromJsonAsync<long>(new Uri(program.Url + "/left"), patience.Token);
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException or JsonException)
            {
            }
        }

        return null;
    }

    public override Task<long> Unacknowledged() => step.UsesBroker ? servers.Unacknowledged(_name) : base.Unacknowledged();

    public override Task Kill() => Task.WhenAll(_programs.Select(program => program.Kill()));

    public override Task UntilBack() => Measurement.Until(async () => await Left() is not null, CancellationToken.None);

    public override Task Disconnect() => servers.Disconnect(_name);

    public override Task HangBroker()
    {
        ChildProcess.Signal(servers.Broker.Process.Pid, ChildProcess.Stop);
        return Task.CompletedTask;
    }

    public override Task KillBroker()
    {
        (_brokerKilled, _brokerBefore) = (Proc.CpuSeconds(servers.Broker.Process.Pid) - _brokerBefore, 0);
        return servers.Broker.Process.KillAsync();
    }

    public override Task UntilBrokerIsBack() => servers.Broker.RestartAsync(CancellationToken.None);

    public override void BeginToCount()
    {
        (_postgresBefore, _brokerBefore) = (Proc.CpuSeconds(servers.Postgres.Process.Pid), Proc.CpuSeconds(servers.Broker.Process.Pid));
        _programs.ForEach(program => program.BeginToCount());
    }

    public override double CpuSeconds() =>
        _programs.Sum(program => program.CpuSeconds())
        + (step.UsesDatabase ? Proc.CpuSeconds(servers.Postgres.Process.Pid) - _postgresBefore : 0)
        + (step.UsesBroker ? _brokerKilled + Proc.CpuSeconds(servers.Broker.Process.Pid) - _brokerBefore : 0);

    public override double PeakMemoryMiB() => setup.Memory is { PeakMiB: > 0 } memory ? memory.PeakMiB : _programs.Sum(program => program.PeakMemoryMiB());

    public override int Deaths() => _programs.Sum(program => program.Deaths);

    public override async ValueTask DisposeAsync()
    {
        await Task.WhenAll(_programs.Select(async program => await program.DisposeAsync()));
        _http.Dispose();
    }
}

/// <summary>The mesh itself, by its public API.</summary>
internal sealed class WholeMesh(DataDirectory data, Setup setup, Watchdog watchdog, RecordingPrinter printer) : Contestant(printer)
{
    private readonly HttpClient _api = Intake.Connect(data);
    private readonly CancellationTokenSource _patience = new();
    private IReadOnlyDictionary<int, double> _cpu = new Dictionary<int, double>();
    private double _cpuOfKilled;
    private ProcessId? _killed;
    private int _restarts;

    /// <summary>Tells its orders from those of the runs before.</summary>
    private readonly string _run = Guid.CreateVersion7().ToString("n");

    private MeshState State => MeshState.Load(data)!;

    public static MeshSettings Settings(Setup setup, RecordingPrinter printer) => new()
    {
        Broker = setup.ConsumerTimeout is { } timeout ? AcknowledgementTrap.Impatience(timeout) : [],
        ServicesGroup = setup.Memory?.Directory,
        Services = new Dictionary<string, string?>([.. setup.Environment, .. setup.Memory?.Environment ?? new Dictionary<string, string?>()], StringComparer.Ordinal)
        {
            ["Printing__Printers__main__Url"] = printer.Address.ToString(),
            // As patient as the other steps are, on the scale of their times.
            ["Printing__Timeout"] = TimeSpan.FromSeconds(60 * setup.TimeScale).ToString("c", CultureInfo.InvariantCulture),
            ["Printing__LongestPause"] = "00:00:02",
            ["Printing__Attempts"] = "1000",
        },
    };

    /// <param name="warmUpOrders">None if it is warm.</param>
    public async Task Start(int warmUpOrders, CancellationToken stop)
    {
        await WarmUp(warmUpOrders, prints: true, stop);
        if (setup.Rests)
            await Rest(stop);
        await Printer.NewRecord(setup.Page);
    }

    public override async Task<string?> Place(string number, CancellationToken stop)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(setup.ClientPatience);
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri("orders", UriKind.Relative))
        {
            Headers = { { "Idempotency-Key", $"\"{_run}-{number}\"" } },
            Content = JsonContent.Create(new { customerNumber = "C-1001", lines = Enumerable.Repeat(new { sku = "MOK-01", quantity = 1 }, setup.Lines) }),
        };
        using var answer = await _api.SendAsync(request, patience.Token);
        return answer.IsSuccessStatusCode ? answer.Headers.Location!.ToString() : null;
    }

    public override async Task<string?> NumberOf(string accepted)
    {
        string? number = null;
        await Until.Works(async () =>
        {
            using var order = await _api.GetFromJsonAsync<JsonDocument>(new Uri(accepted, UriKind.RelativeOrAbsolute));
            number = order!.RootElement.TryGetProperty("invoiceNumber", out var member) ? member.GetString() : null;
        });
        return number;
    }

    /// <summary>Orders that have not come to their end.</summary>
    public override async Task<long?> Left()
    {
        try
        {
            await using var ordering = new NpgsqlConnection(Databases.ConnectionString(
                State.PostgresPort, MeshService.Named(MeshService.Ordering).Database, PrivatePostgres.User, Secrets.LoadOrCreate(data.Secrets).Postgres, connections: 1));
            await ordering.OpenAsync(_patience.Token);
            await using var count = new NpgsqlCommand(CompareStatements.UnderWay, ordering);
            return (long)(await count.ExecuteScalarAsync(_patience.Token))!;
        }
        catch (NpgsqlException)
        {
            return null;
        }
    }

    /// <summary>The service that prints, and the one that takes orders.</summary>
    public override Task Kill()
    {
        Kill(State.Part(MeshService.Invoicing).Process);
        Kill(State.Part(MeshService.Ordering).Process);
        return Task.CompletedTask;
    }

    public override async Task UntilBack()
    {
        using var http = Health.NewClient();
        await Measurement.Until(() => Health.AreAllAsync(http, State, CancellationToken.None), CancellationToken.None);
    }

    public override Task Disconnect() => CompareServers.Disconnect(data.RabbitMq, State.Broker, watchdog, MeshService.VirtualHost);

    public override Task HangBroker()
    {
        State.Part("rabbitmq").Process!.Signal(ChildProcess.Stop);
        return Task.CompletedTask;
    }

    public override Task KillBroker()
    {
        _killed = State.Part("rabbitmq").Process;
        Kill(_killed);
        return Task.CompletedTask;
    }

    public override Task UntilBrokerIsBack() => Measurement.Until(
        () => Task.FromResult(State.Part("rabbitmq").Process is { IsRunning: true } process && process != _killed && !Ports.IsFree(State.Broker.Amqp)), CancellationToken.None);

    public override void BeginToCount()
    {
        _restarts = Restarts();
        foreach (var process in MeshService.All.Select(service => State.Part(service.Name).Process).Where(process => process is not null))
            Proc.ForgetPeakMemory(process!.Pid);
        _cpu = Cpu();
    }

    public override double CpuSeconds() => _cpuOfKilled + Cpu().Sum(part => part.Value - _cpu.GetValueOrDefault(part.Key));

    public override double PeakMemoryMiB() =>
        setup.Memory is { PeakMiB: > 0 } memory
            ? memory.PeakMiB
            : MeshService.All.Sum(service => State.Part(service.Name).Process is { IsRunning: true } process ? Proc.PeakMemoryMiB(process.Pid) : 0);

    public override int Deaths() => Restarts() - _restarts;

    public override ValueTask DisposeAsync()
    {
        _api.Dispose();
        _patience.Dispose();
        return ValueTask.CompletedTask;
    }

    private void Kill(ProcessId? process)
    {
        if (process is null)
            return;
        _cpuOfKilled += Proc.CpuSeconds(process.Pid) - _cpu.GetValueOrDefault(process.Pid);
        process.Signal(ChildProcess.Kill);
    }

    private int Restarts() => MeshService.All.Sum(service => State.Part(service.Name).Restarts);

    /// <summary>By process.</summary>
    private Dictionary<int, double> Cpu() => State.Parts
        .Where(part => part.Process is not null && part.Name is not (MeshService.Printer or MeshService.Carrier))
        .ToDictionary(part => part.Process!.Pid, part => Proc.CpuSeconds(part.Process!.Pid));
}
