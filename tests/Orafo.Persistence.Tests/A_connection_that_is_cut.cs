using Microsoft.EntityFrameworkCore;
using Orafo.ServiceDefaults;
using Orafo.Testing;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Orafo.Persistence.Tests;

/// <summary>
/// At each step of a transaction and of the way out: what happens takes effect once, and what was said arrives (G2, G3, G10).
/// Another instance goes on meanwhile, with a relay of its own; the one that was cut off has to come back by itself.
/// </summary>
[Parallelizable(ParallelScope.Children)]
public sealed class A_connection_that_is_cut
{
    private const int Messages = 20;
    private const string Mark = "marked";

    public static IEnumerable<TestCaseData> StepsOfAConsumer =>
    [
        Step("Before_anything_is_written", Cut.Before("INSERT INTO effects"), times: 3),
        Step("After_its_changes_are_written", Cut.After("INSERT INTO effects"), times: 3),
        Step("Before_the_inbox", Cut.Before("insert into inbox_state"), times: 3),
        Step("Before_the_inbox_of_a_group_only", Cut.Before("insert into inbox_state"), times: 1),
        Step("After_the_inbox", Cut.After("insert into inbox_state"), times: 3),
        Step("Before_the_outbox", Cut.Before("insert into outbox_message"), times: 3),
        Step("Before_the_commit_arrives", Cut.Before("commit"), times: 3),
        Step("After_the_commit_unknown_to_whom_it_concerns", Cut.After("commit"), times: 3),
        Step("Before_the_acknowledgement", Cut.AckOf(Direction.ToServer), times: 1),
    ];

    public static IEnumerable<TestCaseData> StepsOfTheRelay =>
    [
        Step("After_the_claim", Cut.AnswerWith(Mark), times: 2),
        Step("While_a_message_is_sent", Cut.Before(Mark), times: 1, isBroker: true),
        Step("Before_the_confirm_arrives", Cut.AckOf(Direction.FromServer), times: 1),
        Step("Before_the_messages_are_deleted", Cut.Before("delete from outbox_message m"), times: 2),
        Step("Before_their_deletion_is_committed", Cut.Before("commit"), times: 2),
        Step("After_their_deletion_is_committed", Cut.After("commit"), times: 2),
    ];

    public static IEnumerable<TestCaseData> StepsOfTheHandOff =>
    [
        Step("While_a_message_is_sent", Cut.Before(Mark), times: 1, isBroker: true),
        Step("Before_the_confirm_arrives", Cut.AckOf(Direction.FromServer), times: 1),
        Step("Before_the_messages_are_deleted", Cut.Before("delete from outbox_message where"), times: 2),
        Step("After_the_messages_are_deleted", Cut.After("delete from outbox_message where"), times: 2),
    ];

    [TestCaseSource(nameof(StepsOfAConsumer))]
    public async Task Harms_no_consumer(object cut, int times, bool isBroker)
    {
        await using var service = await LedgerService.Start();
        await using var wires = new Wires(service);
        await LedgerService.IsReady(await service.StartInstance(wires: wires));
        var wire = isBroker ? wires.Broker : wires.Database;
        wire.CutAt((Cut)cut, times);
        var sent = await SendUntilCut(wire, times, i => service.PublishPast(new NoteAndAnswer($"{Mark} {i}", 1), Guid.CreateVersion7()));
        await TookEffectOnce(service, Enumerable.Range(0, sent).SelectMany(i => new[] { $"{Mark} {i}: 0", $"answer to {Mark} {i}: 0" }));
    }

    [TestCaseSource(nameof(StepsOfTheRelay))]
    public Task Harms_no_relay(object cut, int times, bool isBroker) => HarmsNoSender((Cut)cut, times, isBroker, isLeftToRelay: true);

    [TestCaseSource(nameof(StepsOfTheHandOff))]
    public Task Harms_no_hand_off(object cut, int times, bool isBroker) => HarmsNoSender((Cut)cut, times, isBroker, isLeftToRelay: false);

    /// <remarks>No heartbeat and no time-out would tell: RabbitMQ.Client itself waits for the rest of the frame (AMQP 0-9-1, 4.2.3) for ever.</remarks>
    [Test]
    public async Task Is_noticed_at_once_within_a_frame()
    {
        await using var broker = await TestServers.CreateVirtualHostAsync("cut");
        await using var wire = new Wire(new Uri(broker.Uri).Port);
        var factory = new ConnectionFactory
        {
            Uri = new UriBuilder(broker.Uri) { Host = "127.0.0.1", Port = wire.Port }.Uri,
            AutomaticRecoveryEnabled = false,
            RequestedHeartbeat = TimeSpan.FromHours(1),
            ContinuationTimeout = TimeSpan.FromHours(1),
        };
        factory.NoticeItsEnd();
        await using var connection = await factory.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync();
        const string name = "half-of-its-name";
        wire.CutAt(Cut.AnswerWith(name), times: 1);

        await Assert.ThrowsAsync<OperationInterruptedException>(() => channel.QueueDeclareAsync(name).WaitAsync(TimeSpan.FromMinutes(1)));
        Assert.That(connection.IsOpen, Is.False);
    }

    private static async Task HarmsNoSender(Cut cut, int times, bool isBroker, bool isLeftToRelay)
    {
        await using var service = await LedgerService.Start();
        await using var wires = new Wires(service);
        var sender = await service.StartInstance(_ => { }, wires: wires);
        await LedgerService.IsReady(sender);
        var wire = isBroker ? wires.Broker : wires.Database;
        wire.CutAt(cut, times);
        var sent = await SendUntilCut(wire, times, i => LedgerService.Publish(sender, isLeftToRelay, new Note($"{Mark} {i}", 0), new Note($"{Mark} {i}", 1)));
        await TookEffectOnce(service, Enumerable.Range(0, sent).SelectMany(i => new[] { $"{Mark} {i}: 0", $"{Mark} {i}: 1" }));
    }

    /// <summary>Sends until the wire was cut: otherwise nothing was tried, for the other instance may be quicker.</summary>
    private static async Task<int> SendUntilCut(Wire wire, int times, Func<int, Task> send)
    {
        using var patience = new CancellationTokenSource(Testing.Eventually.Patience);
        var sent = 0;
        while (sent < Messages || wire.Cuts < times)
        {
            await send(sent++);
            if (sent >= Messages)
                await Task.Delay(25, patience.Token); // The interval of looking, not the time to wait.
        }

        return sent;
    }

    private static async Task TookEffectOnce(LedgerService service, IEnumerable<string> expected)
    {
        var effects = expected.ToArray();
        await service.Eventually(db => db.Effects.CountAsync(), seen => seen >= effects.Length);
        await service.Quiet();
        await using var db = service.OpenDb();
        Assert.That((await db.Effects.ToListAsync()).Select(effect => $"{effect.Of}: {effect.Value}"), Is.EquivalentTo(effects));
        Assert.That((await service.Broker.QueuesAsync()).Keys.Where(queue => queue.EndsWith("_error", StringComparison.Ordinal)), Is.Empty);
    }

    private static TestCaseData Step(string name, Cut cut, int times, bool isBroker = false) =>
        new TestCaseData(cut, times, isBroker || cut.Bytes.SequenceEqual(Cut.Ack)).SetArgDisplayNames(name);
}
