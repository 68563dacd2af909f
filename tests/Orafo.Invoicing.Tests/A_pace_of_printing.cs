using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Orafo.Invoicing.Printing;

namespace Orafo.Invoicing.Tests;

/// <summary>Whether whoever is invoiced is told that the invoice waits for its paper.</summary>
public sealed class A_pace_of_printing
{
    private readonly FakeTimeProvider _time = new();
    private PrintPace _pace = null!;

    [SetUp]
    public void Begin() => _pace = new PrintPace(Options.Create(new PrintingOptions { Promptly = TimeSpan.FromSeconds(5) }), _time);

    [Test]
    public void Is_unknown_before_a_page_came_out() => Assert.That(Issue(2), Is.EqualTo([false, false]));

    [Test]
    public void Is_prompt_for_one_after_another()
    {
        PrintOne();
        for (var i = 0; i < 20; i++)
        {
            var order = Guid.CreateVersion7();
            Assert.That(_pace.IsPromptFor(order), Is.True);
            _pace.CameOut(order, _time.GetUtcNow());
            _time.Advance(TimeSpan.FromSeconds(1));
        }
    }

    [Test]
    public void Is_not_prompt_for_more_of_a_burst_than_came_out_in_that_time()
    {
        for (var i = 0; i < 3; i++)
            PrintOne();
        Assert.That(Issue(10), Is.EqualTo([true, true, true, .. Enumerable.Repeat(false, 7)]));
        // The printer has become slow: one page does not make the line short.
        PrintOne();
        Assert.That(Issue(2), Is.EqualTo([false, false]));
    }

    [Test]
    public void Is_prompt_again_when_the_line_is_short_again()
    {
        for (var i = 0; i < 3; i++)
            PrintOne();
        var orders = Enumerable.Range(0, 10).Select(_ => Guid.CreateVersion7()).ToArray();
        foreach (var order in orders)
            _pace.IsPromptFor(order);
        // Those before it are out, too: another instance had them.
        _pace.CameOut(orders[^1], _time.GetUtcNow());
        Assert.That(Issue(1), Is.EqualTo([true]));
    }

    [Test]
    public void Is_not_prompt_after_a_while_without_a_page_or_when_the_last_one_was_late()
    {
        PrintOne();
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.That(Issue(1), Is.EqualTo([false]));
        _pace.CameOut(Guid.CreateVersion7(), _time.GetUtcNow().AddSeconds(-5));
        Assert.That(Issue(1), Is.EqualTo([false]));
    }

    [Test]
    public void Is_not_prompt_when_a_printer_is_left_alone()
    {
        PrintOne();
        _pace.Stop();
        Assert.That(Issue(1), Is.EqualTo([false]));
    }

    private void PrintOne()
    {
        var order = Guid.CreateVersion7();
        _pace.CameOut(order, _time.GetUtcNow());
    }

    private bool[] Issue(int orders) => [.. Enumerable.Range(0, orders).Select(_ => _pace.IsPromptFor(Guid.CreateVersion7()))];
}
