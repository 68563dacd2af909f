using System.ComponentModel.DataAnnotations;

namespace Orafo.Ordering.Intake;

/// <summary>Section <c>Intake</c> of the configuration.</summary>
public sealed class IntakeOptions
{
    /// <summary>Of each client, in the long run; answered with 429 beyond.</summary>
    [Range(1, 1_000_000)]
    public int RequestsPerSecond { get; set; } = 10_000;

    /// <summary>At once, after a quiet time.</summary>
    [Range(1, 1_000_000)]
    public int Burst { get; set; } = 20_000;

    /// <summary>Streams of events that a client has open at a time.</summary>
    [Range(1, 10_000)]
    public int StreamsPerClient { get; set; } = 100;

    /// <summary>How long a stream says nothing before it says that it is still there: less than proxies take for the end.</summary>
    [Range(typeof(TimeSpan), "00:00:00.05", "00:10:00")]
    public TimeSpan Heartbeat { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>After which a stream that has nothing to say ends; its client begins it again, if its key still opens.</summary>
    [Range(typeof(TimeSpan), "00:00:00.05", "1.00:00:00")]
    public TimeSpan LongestStream { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>For how long an Idempotency-Key is remembered, at least.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "365.00:00:00")]
    public TimeSpan KeepIdempotencyKeys { get; set; } = TimeSpan.FromHours(24);

    /// <summary>Documents that a client is given at a time.</summary>
    [Range(1, 1_000)]
    public int DocumentsPerClient { get; set; } = 8;

    /// <summary>Where the intake reaches the invoice service. Clients are not told.</summary>
    [Required, Url]
    public string InvoiceService { get; set; } = "";

    /// <summary>Until an answer of the invoice service begins. A document may have to be rendered first.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:01:00")]
    public TimeSpan InvoicePatience { get; set; } = TimeSpan.FromSeconds(15);
}
