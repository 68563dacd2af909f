using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Orafo.ServiceDefaults.Tests;

/// <summary>Somebody else's system, and when it is said to fail.</summary>
public sealed class A_remote_system
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(30);

    [Test]
    public async Task Is_said_to_fail_from_when_it_is_left_alone_until_a_call_comes_to_a_good_end()
    {
        var time = new FakeTimeProvider();
        using var system = new RemoteSystem("printer", 2, new(FailuresInARow: 2, Pause, Pause, Pause), time, NullLogger.Instance);
        system.Failed("offline", null);
        Assert.That((system.IsLeftAlone, system.IsFailing), Is.EqualTo((false, false)), "once is no habit");
        system.Failed("offline", null);
        Assert.That((system.IsLeftAlone, system.IsFailing), Is.EqualTo((true, true)));

        time.Advance(Pause);
        Assert.That((system.IsLeftAlone, system.IsFailing), Is.EqualTo((false, true)), "nobody has asked since");
        var answer = new TaskCompletionSource();
        var call = system.TryCall(() => answer.Task, CancellationToken.None);
        Assert.That(system.IsFailing, "it has not answered yet");
        answer.SetException(new HttpRequestException("It hung up."));
        Assert.That(() => call, Throws.TypeOf<HttpRequestException>());
        system.Failed("hung up", null);
        time.Advance(Pause);
        Assert.That(system.IsFailing);

        Assert.That(await system.TryCall(() => Task.CompletedTask, CancellationToken.None), Is.Null);
        Assert.That(system.IsFailing, Is.False);
    }

    [Test]
    public void Does_not_fail_if_it_only_wants_to_be_asked_later()
    {
        using var system = new RemoteSystem("printer", 1, new(FailuresInARow: 5, Pause, Pause, Pause), new FakeTimeProvider(), NullLogger.Instance);
        system.Failed("busy", retryAfter: Pause);
        Assert.That((system.IsLeftAlone, system.IsFailing), Is.EqualTo((true, false)));
    }
}
