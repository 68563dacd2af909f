namespace Orafo.Pgq;

/// <summary>How far down the line of each group a worker has got, so that its next claims need not walk there again.</summary>
/// <remarks>
/// What was claimed stays in the index until it is vacuumed, at the beginning of the line, which a busy queue makes longer by thousands of entries a second.
/// Jobs do come back there (with a higher priority, or by hand): so now and then a claim walks from the beginning, and the longer that takes, the less often.
/// </remarks>
internal sealed class PassedOver(TimeProvider time)
{
    /// <summary>Walking from the beginning takes no more than this part of a worker's time.</summary>
    private const int Part = 20;

    /// <summary>Nobody who comes to the beginning of the line waits longer than this for others.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromMilliseconds(500);

    private readonly Dictionary<string, DateTime> _ranks = new(StringComparer.Ordinal);
    private long _walkedAt;
    private TimeSpan _walk;

    /// <summary>Where a claim begins in the groups; in all others, and when there is none, at the beginning.</summary>
    public List<KeyValuePair<string, DateTime>> Begin()
    {
        var sinceWalked = time.GetElapsedTime(_walkedAt);
        if (sinceWalked > Longest || sinceWalked > _walk * Part)
            _ranks.Clear();
        return [.. _ranks];
    }

    /// <param name="claimed">What was found.</param>
    /// <param name="isAll">There was room for more.</param>
    /// <param name="took">How long it took.</param>
    public void End(IEnumerable<ClaimedJob> claimed, bool isAll, TimeSpan took)
    {
        if (_ranks.Count == 0)
            (_walkedAt, _walk) = (time.GetTimestamp(), took);
        if (isAll)
        {
            _ranks.Clear();
            return;
        }

        foreach (var job in claimed)
        {
            if (!job.IsSuspect && (!_ranks.TryGetValue(job.Group, out var rank) || job.Rank > rank))
                _ranks[job.Group] = job.Rank;
        }
    }
}
