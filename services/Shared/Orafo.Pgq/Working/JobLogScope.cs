using System.Collections;
using System.Diagnostics;

namespace Orafo.Pgq;

/// <summary>Which job is done: its id, its trace and what it is about, beside every line that is logged of it. Looked up when a line is written.</summary>
/// <remarks>While there is a span, its trace is said by whoever logs (<c>ActivityTrackingOptions</c>). One that nobody listens to goes on in the row.</remarks>
internal sealed class JobLogScope(ClaimedJob job) : IReadOnlyList<KeyValuePair<string, object?>>
{
    /// <summary>What the handler says it is about.</summary>
    public KeyValuePair<string, object?>? Subject { get; set; }

    public int Count => All().Count();

    public KeyValuePair<string, object?> this[int index] => All().ElementAt(index);

    public IEnumerator<KeyValuePair<string, object?>> GetEnumerator() => All().GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public override string ToString() => string.Join(' ', All().Select(item => $"{item.Key}:{item.Value}"));

    private IEnumerable<KeyValuePair<string, object?>> All()
    {
        if (Subject is { } subject)
            yield return subject;
        yield return new("JobId", job.Id);
        if (Activity.Current is null && ActivityContext.TryParse(job.TraceParent, null, out var publisher))
            yield return new("TraceId", publisher.TraceId.ToHexString());
    }
}
