using Microsoft.Extensions.Options;

namespace Orafo.Invoicing.Printing;

/// <summary>Whether paper comes out as fast as invoices are issued: what this process has seen of late, of the next page no promise.</summary>
public sealed class PrintLine(IOptions<PrintingOptions> options, TimeProvider time)
{
    private long _lastPrompt;

    /// <summary>A page came out promptly a moment ago. Whoever has seen no page does not say so.</summary>
    public bool IsPrompt => time.GetUtcNow().UtcTicks - Volatile.Read(ref _lastPrompt) < options.Value.Promptly.Ticks;

    /// <summary>The page of an invoice that was issued then is out.</summary>
    public void CameOut(DateTimeOffset issuedAt)
    {
        var now = time.GetUtcNow();
        if (now - issuedAt < options.Value.Promptly)
            Volatile.Write(ref _lastPrompt, now.UtcTicks);
    }
}
