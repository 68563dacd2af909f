using Microsoft.Extensions.Options;

namespace Orafo.Invoicing.Printing;

/// <summary>Whether paper comes out as fast as invoices are issued: then nobody need be told that one waits.</summary>
public sealed class PrintPace(IOptions<PrintingOptions> options, TimeProvider time)
{
    private readonly TimeSpan _promptly = options.Value.Promptly;
    private long _lastPrompt;

    /// <summary>A page came out promptly a moment ago: of the next one no promise. Whoever has seen no page does not say so.</summary>
    public bool IsPrompt => time.GetUtcNow().UtcTicks - Volatile.Read(ref _lastPrompt) < _promptly.Ticks;

    /// <summary>A printer is left alone: whoever is issued now has to wait.</summary>
    public void Stop() => Volatile.Write(ref _lastPrompt, 0);

    /// <summary>A page is out, of an invoice that was issued then.</summary>
    public void CameOut(DateTimeOffset issuedAt)
    {
        var now = time.GetUtcNow();
        if (now - issuedAt < _promptly)
            Volatile.Write(ref _lastPrompt, now.UtcTicks);
    }
}
