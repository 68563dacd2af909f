using System.CommandLine;
using Orafo.Cli;
using Orafo.Cli.Auditing;
using Orafo.Cli.Commands;
using Orafo.Cli.Comparing;
using Orafo.Cli.Disturbing;
using Orafo.Cli.Mesh;
using Orafo.Cli.Soaking;

var dataOption = new Option<string?>("--data") { Description = "Where the mesh keeps its data, logs and passwords (.orafo in the checkout).", HelpName = "DIR" };
var printSecondsOption = new Option<double>("--print-seconds")
{
    Description = "How long the printer takes for a page.",
    HelpName = "S",
    DefaultValueFactory = _ => 5,
};
printSecondsOption.Validators.Add(result =>
{
    if (result.GetValueOrDefault<double>() is not (>= 0 and <= 3600))
        result.AddError("--print-seconds is a number from 0 to 3600.");
});
var detachOption = new Option<bool>("--detach", "-d") { Description = "Leave it running in the background." };
var dockerOption = new Option<bool>("--docker") { Description = "Run it in containers, by docker compose." };
var jsonOption = new Option<bool>("--json") { Description = "One JSON object, passwords included." };
var followOption = new Option<bool>("--follow", "-f") { Description = "Go on with what is added." };
var partArgument = new Argument<string?>("service") { Description = "supervisor, ordering, order-details, invoicing, hand-over, printer or carrier; all if left out.", Arity = ArgumentArity.ZeroOrOne };
var fileArgument = new Argument<string>("FILE") { Description = "The order as JSON, see deploy/samples/orders; - for standard input." };
var ordersOption = new Option<int>("--orders") { Description = "How many orders.", HelpName = "N", DefaultValueFactory = _ => 5000 };
ordersOption.Validators.Add(result =>
{
    if (result.GetValueOrDefault<int>() is not (>= 1 and <= BenchCommand.MostOrders))
        result.AddError($"--orders is a number from 1 to {BenchCommand.MostOrders}.");
});
var jsonFileOption = new Option<string?>("--json") { Description = "Writes the figures there, too.", HelpName = "FILE" };
var backlogOption = new Option<int[]>("--backlog")
{
    Description = "Then so many more that wait before a service that is away, and how fast they are done when it comes back.",
    HelpName = "N",
    AllowMultipleArgumentsPerToken = true,
    DefaultValueFactory = _ => [],
};
backlogOption.Validators.Add(result =>
{
    if (!result.GetValueOrDefault<int[]>()!.All(orders => orders is >= 1 and <= BenchCommand.MostOrders))
        result.AddError($"--backlog is a number from 1 to {BenchCommand.MostOrders}, or several.");
});
var retryOption = new Option<bool>("--retry") { Description = "Has them sent again now, parked or not." };
var operationsOption = new Option<int>("--operations") { Description = "How many: orders placed, placed again, cancelled, resumed.", HelpName = "N", DefaultValueFactory = _ => 2000 };
operationsOption.Validators.Add(result =>
{
    if (result.GetValueOrDefault<int>() is not (>= 1 and <= ChaosCommand.MostOperations))
        result.AddError($"--operations is a number from 1 to {ChaosCommand.MostOperations}.");
});
var everyOption = new Option<double>("--every") { Description = "Seconds between two kills, and between two troubles of a device, on average.", HelpName = "S", DefaultValueFactory = _ => 3 };
everyOption.Validators.Add(result =>
{
    if (result.GetValueOrDefault<double>() is not (>= 0.5 and <= 3600))
        result.AddError("--every is a number from 0.5 to 3600.");
});
var killOption = new Option<string[]>("--kill")
{
    Description = $"Who is killed: {string.Join(", ", ChaosCommand.Everybody)}. All but the last two if left out.",
    HelpName = "PART",
    AllowMultipleArgumentsPerToken = true,
    DefaultValueFactory = _ => [.. ChaosCommand.Services],
};
killOption.AcceptOnlyFromAmong([.. ChaosCommand.Everybody]);
var seedOption = new Option<int>("--seed") { Description = "Repeats the choice of operations, victims, troubles and moments.", HelpName = "N", DefaultValueFactory = _ => Environment.TickCount };
var soakOrdersOption = new Option<int>("--orders") { Description = "How many orders; each is seven messages.", HelpName = "N", DefaultValueFactory = _ => 143_000 };
soakOrdersOption.Validators.Add(result =>
{
    if (result.GetValueOrDefault<int>() is not (>= 10 and <= SoakCommand.MostOrders))
        result.AddError($"--orders is a number from 10 to {SoakCommand.MostOrders}.");
});
var rateOption = new Option<int>("--rate") { Description = "Orders a second.", HelpName = "N", DefaultValueFactory = _ => 200 };
rateOption.Validators.Add(result =>
{
    if (result.GetValueOrDefault<int>() is not (>= 1 and <= 10_000))
        result.AddError("--rate is a number from 1 to 10000.");
});
var waitingOption = new Option<int[]>("--waiting")
{
    Description = "How many jobs wait all the time, one after another.",
    HelpName = "N",
    AllowMultipleArgumentsPerToken = true,
    DefaultValueFactory = _ => [1000, 1_000_000],
};
waitingOption.Validators.Add(result =>
{
    if (result.GetValueOrDefault<int[]>() is not { Length: > 0 } waiting || !Array.TrueForAll(waiting, jobs => jobs is >= 1 and <= QueueBenchCommand.MostWaiting))
        result.AddError($"--waiting is a number from 1 to {QueueBenchCommand.MostWaiting}, or several.");
});
var workersOption = new Option<int[]>("--workers")
{
    Description = "How many workers there are, one after another.",
    HelpName = "N",
    AllowMultipleArgumentsPerToken = true,
    DefaultValueFactory = _ => [1, 4, 16],
};
workersOption.Validators.Add(result =>
{
    if (result.GetValueOrDefault<int[]>() is not { Length: > 0 } workers || !Array.TrueForAll(workers, count => count is >= 1 and <= QueueBenchCommand.MostWorkers))
        result.AddError($"--workers is a number from 1 to {QueueBenchCommand.MostWorkers}, or several.");
});
var secondsOption = new Option<int>("--seconds") { Description = "How long each measurement is.", HelpName = "S", DefaultValueFactory = _ => 10 };
secondsOption.Validators.Add(result =>
{
    if (result.GetValueOrDefault<int>() is not (>= 1 and <= QueueBenchCommand.MostSeconds))
        result.AddError($"--seconds is a number from 1 to {QueueBenchCommand.MostSeconds}.");
});
var stepsOption = new Option<string[]>("--only") { Description = "These steps only.", HelpName = "STEP", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [] };
stepsOption.AcceptOnlyFromAmong([.. Step.All.Select(step => step.Name)]);
var faultsOption = new Option<string[]>("--fault")
{
    Description = "What goes wrong meanwhile, one after another, besides nothing; each of them if left out.",
    HelpName = "FAULT",
    AllowMultipleArgumentsPerToken = true,
    DefaultValueFactory = _ => [.. CompareCommand.EveryFault],
};
faultsOption.AcceptOnlyFromAmong([Fault.None, .. CompareCommand.EveryFault]);
var htmlOption = new Option<string?>("--html") { Description = "Writes a page with charts there.", HelpName = "FILE" };
var comparedOrdersOption = new Option<int>("--orders") { Description = "How many orders in each run.", HelpName = "N", DefaultValueFactory = _ => 100 };
comparedOrdersOption.Validators.Add(result =>
{
    if (result.GetValueOrDefault<int>() is not (>= 4 and <= CompareCommand.MostOrders))
        result.AddError($"--orders is a number from 4 to {CompareCommand.MostOrders}.");
});
var timeScaleOption = new Option<double>("--time-scale") { Description = "What the times are multiplied by: details 0.1 s, a page 5 s, hand-over 0.2 s.", HelpName = "F", DefaultValueFactory = _ => 0.02 };
timeScaleOption.Validators.Add(result =>
{
    if (result.GetValueOrDefault<double>() is not (>= 0.001 and <= 10))
        result.AddError("--time-scale is a number from 0.001 to 10.");
});
var expectOption = new Option<string[]>("--expect")
{
    Description = "A head that was printed earlier, or several: it has to be found again.",
    HelpName = "SERIES=HEAD@NUMBER",
    AllowMultipleArgumentsPerToken = true,
    DefaultValueFactory = _ => [],
};
expectOption.Validators.Add(result =>
{
    if (!Array.TrueForAll(result.GetValueOrDefault<string[]>()!, text => NotedHead.TryParse(text) is not null))
        result.AddError("--expect is SERIES=HEAD@NUMBER, the head in hex, or several.");
});
var proofJsonOption = new Option<bool>("--json") { Description = "One JSON object." };
var testArguments = new Argument<string[]>("arguments") { Description = "For dotnet test, after --: for example -- --filter Name~Invoice", Arity = ArgumentArity.ZeroOrMore };

var warmUpOption = new Option<int>("--warm-up") { Description = "How many orders before it measures.", HelpName = "N", DefaultValueFactory = _ => 5000 };
warmUpOption.Validators.Add(result =>
{
    if (result.GetValueOrDefault<int>() is not (>= 1 and <= BenchCommand.MostOrders))
        result.AddError($"--warm-up is a number from 1 to {BenchCommand.MostOrders}.");
});
var bench = Command("bench", "Measures a mesh of its own: orders a second, CPU, latency, round trips.", [warmUpOption, ordersOption, backlogOption, jsonFileOption],
    (parsed, stop) => BenchCommand.RunAsync(parsed.GetValue(warmUpOption), parsed.GetValue(ordersOption), parsed.GetValue(backlogOption)!, parsed.GetValue(jsonFileOption), stop));
var clientsOption = new Option<int>("--clients") { Description = "How many place them.", HelpName = "N", DefaultValueFactory = _ => 64 };
clientsOption.Validators.Add(result =>
{
    if (result.GetValueOrDefault<int>() is not (>= 1 and <= BenchCommand.MostClients))
        result.AddError($"--clients is a number from 1 to {BenchCommand.MostClients}.");
});
bench.Add(Command("intake", "Measures the intake by itself: orders accepted a second, latency, CPU, memory, while the other services are stopped.", [ordersOption, clientsOption, jsonFileOption],
    (parsed, stop) => BenchCommand.IntakeAsync(parsed.GetValue(ordersOption), parsed.GetValue(clientsOption), parsed.GetValue(jsonFileOption), stop)));
bench.Add(Command("trace", "Measures what it costs to trace every order, and counts the spans that are dropped.", [warmUpOption, ordersOption, jsonFileOption],
    (parsed, stop) => BenchCommand.TraceAsync(parsed.GetValue(warmUpOption), parsed.GetValue(ordersOption), parsed.GetValue(jsonFileOption), stop)));
bench.Add(Command("pgq", "Measures Orafo.Pgq instead: jobs a second and claim latency, on a PostgreSQL of its own.", [waitingOption, workersOption, secondsOption, jsonFileOption],
    (parsed, stop) => QueueBenchCommand.RunAsync(
        parsed.GetValue(waitingOption)!, parsed.GetValue(workersOption)!, TimeSpan.FromSeconds(parsed.GetValue(secondsOption)), parsed.GetValue(jsonFileOption), stop)));

var jobsOption = new Option<int>("--jobs") { Description = "How many.", HelpName = "N", DefaultValueFactory = _ => 100_000 };
jobsOption.Validators.Add(result =>
{
    if (result.GetValueOrDefault<int>() is not (>= 1 and <= InvoicingBenchCommand.MostJobs))
        result.AddError($"--jobs is a number from 1 to {InvoicingBenchCommand.MostJobs}.");
});
bench.Add(Command("backlog", "Measures the memory of the invoice service while print jobs gather before a printer that is off.", [jobsOption, jsonFileOption],
    (parsed, stop) => InvoicingBenchCommand.BacklogAsync(parsed.GetValue(jobsOption), parsed.GetValue(jsonFileOption), stop)));
var timeoutOption = new Option<int>("--timeout") { Description = "RabbitMQ's consumer_timeout in seconds; a page takes half as long again.", HelpName = "S", DefaultValueFactory = _ => 60 };
timeoutOption.Validators.Add(result =>
{
    if (result.GetValueOrDefault<int>() is not (>= 1 and <= InvoicingBenchCommand.LongestTimeout))
        result.AddError($"--timeout is a number from 1 to {InvoicingBenchCommand.LongestTimeout}.");
});
bench.Add(Command("acknowledgement", "Prints pages that take longer than RabbitMQ waits for an acknowledgement, next to a consumer that holds its delivery.",
    [timeoutOption, jsonFileOption],
    (parsed, stop) => InvoicingBenchCommand.AcknowledgementAsync(TimeSpan.FromSeconds(parsed.GetValue(timeoutOption)), parsed.GetValue(jsonFileOption), stop)));

var stateOption = new Option<string?>("--state") { Description = "Only those that are scheduled, waiting, running, suspect or parked.", HelpName = "STATE" };
stateOption.AcceptOnlyFromAmong("scheduled", "waiting", "running", "suspect", "parked");
var orderArgument = new Argument<Guid>("ORDER") { Description = "The order's id." };
var jaegerFileOption = new Option<string?>("--json") { Description = "Writes it there, too, in the form that Jaeger's UI loads.", HelpName = "FILE" };
var anyOrderArgument = new Argument<Guid?>("ORDER") { Description = "The order's id.", Arity = ArgumentArity.ZeroOrOne };
var fromOption = new Option<string?>("--from") { Description = "All that wait for this printer.", HelpName = "PRINTER" };
var toOption = new Option<string>("--to") { Description = "The printer that prints them.", HelpName = "PRINTER", Required = true };
var print = new Command("print", "The invoices that wait for their paper.")
{
    Command("list", "Which they are, and why.", [stateOption, dataOption], (parsed, stop) => PrintCommand.ListAsync(Data(parsed), parsed.GetValue(stateOption), stop)),
    Command("retry", "Tries one again now, or all that are parked.", [anyOrderArgument, dataOption],
        (parsed, stop) => PrintCommand.RetryAsync(Data(parsed), parsed.GetValue(anyOrderArgument), stop)),
    Command("redirect", "Has one printed elsewhere, or all that wait for a printer.", [anyOrderArgument, fromOption, toOption, dataOption],
        (parsed, stop) => PrintCommand.RedirectAsync(Data(parsed), parsed.GetValue(anyOrderArgument), parsed.GetValue(fromOption), parsed.GetValue(toOption)!, stop)),
    Command("cancel", "Has one not printed: its invoice is delivered electronically, and the order goes on.", [orderArgument, dataOption],
        (parsed, stop) => PrintCommand.CancelAsync(Data(parsed), parsed.GetValue(orderArgument), stop)),
};

var invoices = new Command("invoices", "What was issued.")
{
    Command("verify", "Proves that numbers are dense and nothing issued was changed, and prints the head of each series; exit code 0 only if all is sound, 2 if it could not be looked at.",
        [expectOption, proofJsonOption, dataOption],
        (parsed, stop) => InvoicesCommand.Verify(Data(parsed), Noted(parsed.GetValue(expectOption)!), parsed.GetValue(proofJsonOption), stop)),
};

var reasonOption = new Option<string?>("--reason") { Description = "For those who look into it later; no personal data.", HelpName = "TEXT" };
var clientArgument = new Argument<string>("CLIENT") { Description = "Whose orders it places and sees." };
var anyClientArgument = new Argument<string?>("CLIENT") { Description = "Only this client's.", Arity = ArgumentArity.ZeroOrOne };
var prefixArgument = new Argument<string>("PREFIX") { Description = "What the list shows of it." };
var scopesOption = new Option<string>("--scopes")
{
    Description = "Some of orders:write, orders:read and orders:admin, with commas between.",
    HelpName = "SCOPES",
    DefaultValueFactory = _ => "orders:write,orders:read",
};
var daysOption = new Option<int?>("--days") { Description = "For how long it is valid; for ever without.", HelpName = "N" };
var keys = new Command("keys", "The intake's API keys.")
{
    Command("list", "Which there are; of each, what is no secret.", [anyClientArgument, dataOption],
        (parsed, stop) => KeysCommand.RunAsync(Data(parsed), parsed.GetValue(anyClientArgument) is { } client ? ["list", client] : ["list"], stop)),
    Command("add", "Makes a key and prints it, this once.", [clientArgument, scopesOption, daysOption, dataOption],
        (parsed, stop) => KeysCommand.RunAsync(
            Data(parsed),
            [
                "add", parsed.GetValue(clientArgument)!, "--scopes", parsed.GetValue(scopesOption)!,
                .. parsed.GetValue(daysOption) is { } days ? new[] { "--days", $"{days}" } : [],
            ], stop)),
    Command("revoke", "Lets nobody in by it any more, within ten seconds.", [prefixArgument, dataOption],
        (parsed, stop) => KeysCommand.RunAsync(Data(parsed), ["revoke", parsed.GetValue(prefixArgument)!], stop)),
};

var root = new RootCommand("Orafo: an order mesh. Kill anything at any moment, no accepted order is lost, none is handled twice.")
{
    Command("up", "Starts PostgreSQL, RabbitMQ, the services and the devices, and says where they are.",
        [detachOption, dataOption, printSecondsOption, dockerOption],
        (parsed, stop) => parsed.GetValue(dockerOption)
            ? DockerCommand.UpAsync(Data(parsed), parsed.GetValue(printSecondsOption), stop)
            : UpCommand.RunAsync(Data(parsed), parsed.GetValue(detachOption), parsed.GetValue(printSecondsOption), stop)),
    Command("down", "Stops what up started, and nothing else.", [dataOption], (parsed, stop) => DownCommand.RunAsync(Data(parsed), stop)),
    Command("status", "What runs where, and how it is.", [dataOption, jsonOption],
        (parsed, stop) => StatusCommand.RunAsync(Data(parsed), parsed.GetValue(jsonOption), stop)),
    Command("logs", "What the parts of the mesh wrote.", [partArgument, dataOption, followOption],
        (parsed, stop) => LogsCommand.RunAsync(Data(parsed), parsed.GetValue(partArgument), parsed.GetValue(followOption), stop)),
    Command("order", "Places an order and follows it to its end; exit code 0 only if it was completed.", [fileArgument, dataOption],
        (parsed, stop) => OrderCommand.RunAsync(Data(parsed), parsed.GetValue(fileArgument)!, stop)),
    Command("cancel", "Has an order undone and ended.", [orderArgument, reasonOption, dataOption],
        (parsed, stop) => DecideCommand.CancelAsync(Data(parsed), parsed.GetValue(orderArgument), parsed.GetValue(reasonOption), stop)),
    Command("resume", "Goes on with a suspended order.", [orderArgument, dataOption],
        (parsed, stop) => DecideCommand.ResumeAsync(Data(parsed), parsed.GetValue(orderArgument), stop)),
    Command("audit", "Proves that each order was done once and completely; exit code 0 only if the ledgers are clean.", [dataOption],
        (parsed, stop) => AuditCommand.RunAsync(Data(parsed), stop)),
    Command("explain", "Where an order is, since when, what it waits for, what was tried, what to do.", [orderArgument, dataOption],
        (parsed, stop) => ExplainCommand.RunAsync(Data(parsed), parsed.GetValue(orderArgument), stop)),
    Command("trace", "The order's journey through all services, span by span, with times. With JAEGER_URL set, also where Jaeger shows it.", [orderArgument, jaegerFileOption, dataOption],
        (parsed, stop) => TraceCommand.RunAsync(Data(parsed), parsed.GetValue(orderArgument), parsed.GetValue(jaegerFileOption), stop)),
    Command("outbox", "The messages that the broker refused, why, and when they are sent again.", [retryOption, dataOption],
        (parsed, stop) => OutboxCommand.RunAsync(Data(parsed), parsed.GetValue(retryOption), stop)),
    print,
    invoices,
    keys,
    bench,
    Command("chaos", "Does at random what clients do while it kills parts of a mesh of its own; exit code 0 only if each order was done once and became what it should.",
        [operationsOption, everyOption, killOption, seedOption],
        (parsed, stop) => ChaosCommand.RunAsync(
            new(parsed.GetValue(operationsOption), parsed.GetValue(everyOption), parsed.GetValue(killOption)!, parsed.GetValue(seedOption)), stop)),
    Command("soak", "Keeps a mesh of its own under load for long and looks for what grows; exit code 0 only if nothing does that should not.",
        [soakOrdersOption, rateOption, jsonFileOption],
        (parsed, stop) => SoakCommand.RunAsync(new(parsed.GetValue(soakOrdersOption), parsed.GetValue(rateOption)), parsed.GetValue(jsonFileOption), stop)),
    Command("compare", "The road from one HTTP handler to the mesh, step by step on the same orders: what each step buys, and what it loses when something goes wrong.",
        [comparedOrdersOption, timeScaleOption, stepsOption, faultsOption, jsonFileOption, htmlOption],
        (parsed, stop) => CompareCommand.RunAsync(
            parsed.GetValue(comparedOrdersOption), parsed.GetValue(timeScaleOption), parsed.GetValue(stepsOption)!, parsed.GetValue(faultsOption)!, parsed.GetValue(jsonFileOption),
            parsed.GetValue(htmlOption), stop)),
    Command("test", "Runs every test, on a PostgreSQL and a RabbitMQ of its own.", [testArguments],
        (parsed, stop) => TestCommand.RunAsync(parsed.GetValue(testArguments) ?? [], stop)),
};

var supervise = Command("supervise", "What up --detach leaves running.", [dataOption, printSecondsOption],
    (parsed, stop) => UpCommand.Supervise(Data(parsed), parsed.GetValue(printSecondsOption), screen: null, stop));
supervise.Hidden = true;
root.Add(supervise);

var result = root.Parse(args);
if (result.Errors.Count > 0)
{
    foreach (var error in result.Errors)
        Console.Error.WriteLine("orafo: " + error.Message);
    Console.Error.WriteLine("See: ./orafo --help");
    return 2;
}

try
{
    return await result.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
}
catch (OrafoException e)
{
    Console.Error.WriteLine("orafo: " + e.Message);
    return 1;
}
catch (OperationCanceledException)
{
    return 130;
}

static IReadOnlyList<NotedHead> Noted(string[] heads) => [.. heads.Select(text => NotedHead.TryParse(text)).OfType<NotedHead>()];

DataDirectory Data(ParseResult parsed) => new(parsed.GetValue(dataOption));

static Command Command(string name, string description, IEnumerable<Symbol> symbols, Func<ParseResult, CancellationToken, Task<int>> run)
{
    var command = new Command(name, description);
    foreach (var symbol in symbols)
    {
        if (symbol is Option option)
            command.Add(option);
        else if (symbol is Argument argument)
            command.Add(argument);
    }

    command.SetAction(run);
    return command;
}
