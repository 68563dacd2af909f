namespace Orafo.Pgq;

/// <summary>Does jobs of one queue. Each attempt gets a scope of its own.</summary>
public interface IJobHandler<TPayload>
{
    /// <summary>Does the job, or a part of it again: an attempt before may have got anywhere.</summary>
    /// <param name="job">The job.</param>
    /// <param name="cancellationToken">Cancelled when the job is, when its lease is lost, and when the worker stops.</param>
    Task<JobOutcome> Handle(Job<TPayload> job, CancellationToken cancellationToken);
}
