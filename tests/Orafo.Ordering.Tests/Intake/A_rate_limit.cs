using Microsoft.Extensions.Time.Testing;
using Orafo.Ordering.Access;

namespace Orafo.Ordering.Tests.Intake;

public sealed class A_rate_limit
{
    private readonly FakeTimeProvider _time = new();

    [Test]
    public void Lets_a_burst_through_and_then_so_many_a_second()
    {
        var limit = new RateLimit<string>(burst: 3, perSecond: 2, _time);
        Assert.That(Enumerable.Range(0, 5).Select(_ => limit.Take("a")), Is.EqualTo(new TimeSpan?[] { null, null, null, TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(0.5) }));
        _time.Advance(TimeSpan.FromSeconds(0.3));
        Assert.That(limit.Take("a"), Is.EqualTo(TimeSpan.FromSeconds(0.2)));
        _time.Advance(TimeSpan.FromSeconds(0.2));
        Assert.That((limit.Take("a"), limit.Take("a")), Is.EqualTo((default(TimeSpan?), (TimeSpan?)TimeSpan.FromSeconds(0.5))));
        _time.Advance(TimeSpan.FromHours(1));
        Assert.That(Enumerable.Range(0, 4).Count(_ => limit.Take("a") is null), Is.EqualTo(3), "a quiet hour is worth a burst, and no more");
    }

    [Test]
    public void Is_each_keys_own()
    {
        var limit = new RateLimit<string>(burst: 1, perSecond: 1, _time);
        Assert.That((limit.Take("a"), limit.Take("b"), limit.Take("a") is null), Is.EqualTo((default(TimeSpan?), default(TimeSpan?), false)));
    }

    [Test]
    public void Forgets_who_has_not_asked_of_late()
    {
        var limit = new RateLimit<int>(burst: 5, perSecond: 1, _time);
        for (var i = 0; i < 10_000; i++)
        {
            limit.Take(i);
            _time.Advance(TimeSpan.FromMilliseconds(10));
        }

        // A second's hundred, and up to twice as many as there were when it last looked, or a thousand.
        Assert.That(limit.Remembered, Is.LessThanOrEqualTo(1000));
    }

    [Test]
    public void Counts_right_though_many_ask_at_the_same_time()
    {
        var limit = new RateLimit<int>(burst: 500, perSecond: 1, _time);
        Assert.That(Enumerable.Range(0, 2000).AsParallel().Count(_ => limit.Take(0) is null), Is.EqualTo(500));
    }
}
