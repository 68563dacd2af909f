using Microsoft.Extensions.Options;

namespace Orafo.Invoicing.Printing;

/// <summary>Whether paper comes out as fast as invoices are issued: then nobody need be told that one waits.</summary>
/// <remarks>
/// By what this process has seen in the last moments: as many as came out promptly then are expected to come out promptly, and no more. So of a burst,
/// or before a printer that has become slow, all but a few are said to wait. Instances that print what others issued only say it more often.
/// </remarks>
public sealed class PrintPace(IOptions<PrintingOptions> options, TimeProvider time)
{
    private readonly TimeSpan _promptly = options.Value.Promptly;
    private readonly Lock _lock = new();

    /// <summary>When pages came out promptly.</summary>
    private readonly Queue<DateTimeOffset> _out = [];

    /// <summary>What was issued, and is not out as far as this process knows.</summary>
    private readonly Queue<(Guid OrderId, DateTimeOffset IssuedAt)> _inLine = [];

    /// <summary>Whether the paper of an order that is invoiced now is likely to come out in a moment.</summary>
    public bool IsPromptFor(Guid orderId)
    {
        lock (_lock)
        {
            var now = Forget();
            var isPrompt = _inLine.Count < _out.Count;
            _inLine.Enqueue((orderId, now));
            return isPrompt;
        }
    }

    /// <summary>A printer is left alone: whoever is issued now has to wait.</summary>
    public void Stop()
    {
        lock (_lock)
            _out.Clear();
    }

    /// <summary>An order's page is out, of an invoice that was issued then; and so are those that were in line before it.</summary>
    public void CameOut(Guid orderId, DateTimeOffset issuedAt)
    {
        lock (_lock)
        {
            var now = Forget();
            if (now - issuedAt < _promptly)
                _out.Enqueue(now);
            if (!_inLine.Any(waiting => waiting.OrderId == orderId))
                return;
            while (_inLine.Dequeue().OrderId != orderId)
            {
                // It was printed elsewhere.
            }
        }
    }

    /// <summary>What was longer ago says nothing of this moment.</summary>
    private DateTimeOffset Forget()
    {
        var now = time.GetUtcNow();
        while (_out.TryPeek(out var at) && now - at >= _promptly)
            _out.Dequeue();
        while (_inLine.TryPeek(out var waiting) && now - waiting.IssuedAt >= _promptly)
            _inLine.Dequeue();
        return now;
    }
}
