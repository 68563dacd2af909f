using System.Globalization;
using Orafo.Cli.Servers;
using Orafo.Cli.Tracing;

namespace Orafo.Cli.Mesh;

/// <summary>Starts the mesh, brings back what dies, and stops it all.</summary>
internal sealed class Supervisor : IAsyncDisposable
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan HealthyFor = TimeSpan.FromSeconds(10);

    private readonly DataDirectory _data;
    private readonly double _printSeconds;
    private readonly MeshSettings _settings;
    private readonly Announcer _announcer;
    private readonly Secrets _secrets;
    private readonly string _operatorKey;
    private readonly FileStream _lock;
    private readonly Watchdog _watchdog = Watchdog.Start();
    private readonly HttpClient _health = Health.NewClient();
    private readonly PostgresPart _postgres;
    private readonly BrokerPart _broker;
    private readonly string? _tracesTo = new[] { "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT" }
        .Select(Environment.GetEnvironmentVariable).FirstOrDefault(elsewhere => elsewhere is { Length: > 0 });
    private readonly OtlpReceiver? _traces;
    private readonly Lock _saving = new();
    private List<Part> _services = [];
    private string? _invoiceService;
    private bool _isUp;

    /// <exception cref="OrafoException">Another supervisor has the directory.</exception>
    public Supervisor(DataDirectory data, double printSeconds, Announcer announcer, MeshSettings? settings = null)
    {
        (_data, _printSeconds, _announcer, _settings) = (data, printSeconds, announcer, settings ?? new MeshSettings());
        try
        {
            _lock = new FileStream(data.Lock, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw new OrafoException($"Another supervisor is at work in {data.Path}.", e);
        }

        _secrets = Secrets.LoadOrCreate(data.Secrets);
        _operatorKey = Operators.EnsureKey(data);
        _postgres = new PostgresPart(data, _secrets, _watchdog, _settings.Postgres);
        _broker = new BrokerPart(data, _secrets, _watchdog, _settings.Broker);
        if (_settings.CollectsTraces && _tracesTo is null)
            _traces = OtlpReceiver.Start(new TraceStore(data.Traces).Add);
    }

    /// <summary>Until <paramref name="stop"/>; the processes are stopped by disposal.</summary>
    /// <param name="whenUp">Called once, when everything is healthy.</param>
    public async Task RunAsync(Action whenUp, CancellationToken stop)
    {
        await StopLeftovers();
        await Installation.EnsureAsync(_announcer.Say, stop);
        Save();
        var (printer, carrier) = (NewPrinter(), NewCarrier());
        _services = [printer, carrier];
        // RabbitMQ takes longest: the services start beside it and wait for it, as they do when it is away.
        var broker = _announcer.Step("Starting RabbitMQ", "RabbitMQ runs", _broker.StartAsync(stop));
        await Task.WhenAll(StartPostgres(stop), printer.StartAsync(stop), carrier.StartAsync(stop));
        await _announcer.Step("Starting the services", "The services run",
            Task.WhenAll(StartServices(printer, carrier, broker, stop), Intake.EnsureKeyAsync(_data, _secrets, _postgres.Server!.Port, stop)));
        _isUp = true;
        Save();
        whenUp();
        await Task.WhenAll(Parts.Select(part => KeepAlive(part, stop)));
    }

    /// <summary>Has the mesh's data removed at the end, however this process ends.</summary>
    public void RemoveDataAtEnd()
    {
        _watchdog.RemoveAtEnd(_data.Path);
        _watchdog.RemoveAtEnd(_data.ForServers);
    }

    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(_services.Select(part => part.StopAsync()));
        await Task.WhenAll(_broker.StopAsync(), _postgres.StopAsync());
        File.Delete(_data.State);
        // Stops what a part was just starting when it was told to stop.
        _watchdog.Dispose();
        _health.Dispose();
        // After the services, which export their last spans when they stop.
        if (_traces is not null)
            await _traces.DisposeAsync();
        await _lock.DisposeAsync();
    }

    private IEnumerable<Part> Parts => [_postgres, _broker, .. _services];

    /// <summary>A supervisor that was killed has a watchdog that stops its processes; this waits for that, and helps.</summary>
    private async Task StopLeftovers()
    {
        var left = MeshState.Load(_data)?.Processes().Where(process => process.IsRunning).ToArray() ?? [];
        if (left.Length == 0)
            return;
        _announcer.Say("  Stopping what a predecessor left behind");
        foreach (var process in left)
            process.Signal(ChildProcess.Terminate);
        var started = TimeProvider.System.GetTimestamp();
        while (left.Any(process => process.IsRunning))
        {
            if (TimeProvider.System.GetElapsedTime(started) > TimeSpan.FromSeconds(15))
            {
                foreach (var process in left)
                    process.Signal(ChildProcess.Kill);
            }

            await Task.Delay(100);
        }
    }

    private async Task StartPostgres(CancellationToken stop)
    {
        await _announcer.Step("Starting PostgreSQL", "PostgreSQL runs", _postgres.StartAsync(stop));
        await _announcer.Step("Preparing the databases", "The databases are ready", PrepareDatabases(stop));
    }

    private async Task PrepareDatabases(CancellationToken stop)
    {
        var databases = new Databases(_data, _secrets, _postgres.Server!, _watchdog);
        await databases.CreateAsync(stop);
        await databases.MigrateAsync(stop);
    }

    private async Task StartServices(ServicePart printer, ServicePart carrier, Task broker, CancellationToken stop)
    {
        var ports = _broker.Ports;
        var started = Start();
        await broker;
        // Somebody else was quicker to take one of its ports, and the services look for it where it is not.
        if (_broker.Ports != ports)
            await StartAgain();
        await started;
        // The same with the invoice service, of whose address the intake is told before anybody is there.
        if (_services.Single(part => part.Name == MeshService.Invoicing).Url != _invoiceService)
        {
            await StartAgain();
            await started;
        }

        Task Start()
        {
            var invoicePort = Ports.FreeOr(MeshService.Named(MeshService.Invoicing).Port);
            _invoiceService = $"http://127.0.0.1:{invoicePort}";
            var services = MeshService.All
                .Select(service => NewService(service.Name == MeshService.Invoicing ? service with { Port = invoicePort } : service, printer.Url, carrier.Url)).ToArray();
            _services = [.. services, printer, carrier];
            Save();
            return Task.WhenAll(services.Select(service => service.StartAsync(stop)));
        }

        async Task StartAgain()
        {
            await Task.WhenAll(_services.Select(part => part == printer || part == carrier ? Task.CompletedTask : part.StopAsync()));
            await started.ContinueWith(_ => { }, stop, TaskContinuationOptions.None, TaskScheduler.Default);
            started = Start();
        }
    }

    private ServicePart NewPrinter() => new(
        MeshService.Printer, MeshService.PrinterProject, MeshService.PrinterPort,
        new Dictionary<string, string?>
        {
            ["Printer__PrintSeconds"] = _printSeconds.ToString(CultureInfo.InvariantCulture),
            ["Printer__Directory"] = _data.Printer,
        },
        _data, _watchdog, _health);

    private ServicePart NewCarrier() => new(
        MeshService.Carrier, MeshService.CarrierProject, MeshService.CarrierPort,
        new Dictionary<string, string?> { ["Carrier__Directory"] = _data.Carrier }, _data, _watchdog, _health);

    private ServicePart NewService(MeshService service, string printerUrl, string carrierUrl)
    {
        var password = _secrets.Services[service.Name];
        var environment = new Dictionary<string, string?>(_traces?.Environment ?? new Dictionary<string, string?>(), StringComparer.Ordinal)
        {
            ["ConnectionStrings__Database"] = Databases.ConnectionString(_postgres.Server!.Port, service.Database, service.Database, password),
            ["ConnectionStrings__Broker"] = MeshState.AmqpUri(_broker.Ports.Amqp, service.Database, password),
            ["Printing__Printers__main__Url"] = printerUrl,
            ["Shipping__CarrierUrl"] = carrierUrl,
            ["Operators__Key"] = _operatorKey,
            ["Intake__InvoiceService"] = service.Name == MeshService.Ordering ? _invoiceService : null,
            ["Callbacks__Key"] = service.Name == MeshService.Ordering ? _secrets.CallbackKey : null,
            ["Catalogue__Directory"] = Path.Combine(Repository.Root, "deploy", "samples"),
        };
        foreach (var (variable, value) in _settings.Services)
            environment[variable] = value;
        return new ServicePart(
            service.Name, service.Project, service.Port, environment,
            _data, _watchdog, _health, group: _settings.ServicesGroup);
    }

    private async Task KeepAlive(Part part, CancellationToken stop)
    {
        var pause = FirstPause;
        while (!stop.IsCancellationRequested)
        {
            var started = TimeProvider.System.GetTimestamp();
            try
            {
                var exitCode = await part.Process!.Exited.WaitAsync(stop);
                if (TimeProvider.System.GetElapsedTime(started) > HealthyFor)
                    pause = FirstPause;
                _announcer.Say($"{part.Title} ended (exit code {exitCode}); it is started again in {pause.TotalSeconds:0} s");
                Save();
                await Task.Delay(pause, stop);
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
                part.Restarts++;
                // What it left behind, children above all, would be in its successor's way.
                await part.StopAsync();
                await part.StartAsync(stop);
                Save();
                _announcer.Say($"{part.Title} runs again");
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (OrafoException e)
            {
                _announcer.Say(e.Message);
            }
        }
    }

    private void Save()
    {
        lock (_saving)
        {
            new MeshState
            {
                Supervisor = ProcessId.Current,
                Watchdog = _watchdog.Id,
                IsUp = _isUp,
                PrintSeconds = _printSeconds,
                TracesTo = _tracesTo,
                PostgresPort = _postgres.Server?.Port ?? 0,
                Broker = _broker.Ports,
                Parts = [.. Parts.SelectMany(part => part.Companions.Prepend(part.State))],
            }.Save(_data);
        }
    }
}
