using Microsoft.AspNetCore.Http.HttpResults;
using Orafo.HandOver.Notifying;
using Orafo.HandOver.Shipping;
using Orafo.Pgq;

namespace Orafo.HandOver;

/// <summary>A job that is not over.</summary>
/// <param name="Id">The order's; of a webhook, its own.</param>
/// <param name="State">One of <see cref="JobStates"/>.</param>
/// <param name="Receiver">Of a webhook.</param>
/// <param name="Due">When it was, or will be, its turn.</param>
/// <param name="Error">Why the last attempt failed.</param>
public sealed record WaitingJob(Guid Id, string State, string? Receiver, int Attempts, DateTimeOffset CreatedAt, DateTimeOffset Due, string? Error);

/// <summary>A page of them.</summary>
/// <param name="Next">What to ask for as <c>after</c> to get the next page; null if this is the last.</param>
public sealed record WaitingJobs(IReadOnlyList<WaitingJob> Jobs, Guid? Next);

/// <summary>What an operator does about what the carrier or the shop has not taken: <c>/bookings</c>, <c>/recalls</c> and <c>/webhooks</c>.</summary>
public static class JobEndpoints
{
    private const int LongestPage = 1000;

    public static void MapJobs(this IEndpointRouteBuilder app)
    {
        app.MapQueue<BookParcel>("/bookings");
        app.MapQueue<RecallParcel>("/recalls");
        // What the carrier is asked decides about an order; a webhook may be dropped.
        app.MapQueue<TellShop>("/webhooks").MapDelete("{id:guid}", Cancel<TellShop>);
    }

    private static RouteGroupBuilder MapQueue<TPayload>(this IEndpointRouteBuilder app, string path)
    {
        var jobs = app.MapGroup(path).WithTags("Jobs");
        jobs.MapGet("", List<TPayload>);
        jobs.MapPost("{id:guid}/retry", Retry<TPayload>);
        return jobs;
    }

    private static async Task<Results<Ok<WaitingJobs>, ValidationProblem>> List<TPayload>(
        JobQueue<TPayload> queue, CancellationToken cancellationToken, string? state = null, Guid? after = null, int limit = 100)
    {
        if (limit is < 1 or > LongestPage)
            return Invalid("limit", $"From 1 to {LongestPage}.");
        if (state is not null && !JobStates.NotOver.Contains(state))
            return Invalid("state", $"One of {string.Join(", ", JobStates.NotOver)}.");
        var jobs = await queue.ListAsync(state, after ?? default, limit, cancellationToken);
        return TypedResults.Ok(new WaitingJobs(
            [.. jobs.Select(job => new WaitingJob(job.Id, job.State, job.Group.Length > 0 ? job.Group : null, job.Attempts, job.CreatedAt, job.Due, job.Error))],
            jobs.Count == limit ? jobs[^1].Id : null));
    }

    /// <summary>A job that is parked, or waits for its next attempt, is tried now, with all attempts before it.</summary>
    private static async Task<Results<NoContent, ProblemHttpResult>> Retry<TPayload>(Guid id, JobQueue<TPayload> queue, CancellationToken cancellationToken) =>
        await queue.RetryAsync(id, cancellationToken) ? TypedResults.NoContent() : await Impossible(id, queue, "is in line or under way: there is nothing to try again", cancellationToken);

    private static async Task<Results<NoContent, ProblemHttpResult>> Cancel<TPayload>(Guid id, JobQueue<TPayload> queue, CancellationToken cancellationToken) =>
        await queue.CancelAsync(id, cancellationToken) ? TypedResults.NoContent() : await Impossible(id, queue, "cannot be cancelled now", cancellationToken);

    private static async Task<ProblemHttpResult> Impossible<TPayload>(Guid id, JobQueue<TPayload> queue, string why, CancellationToken cancellationToken) =>
        await queue.FindAsync(id, cancellationToken) switch
        {
            null => TypedResults.Problem(statusCode: StatusCodes.Status404NotFound, title: "There is no such job."),
            { FinishedAt: not null } => TypedResults.Problem(statusCode: StatusCodes.Status409Conflict, title: "The job is over."),
            _ => TypedResults.Problem(statusCode: StatusCodes.Status409Conflict, title: $"The job {why}."),
        };

    private static ValidationProblem Invalid(string member, string mistake) =>
        TypedResults.ValidationProblem(new Dictionary<string, string[]>(StringComparer.Ordinal) { [member] = [mistake] });
}
