using Microsoft.AspNetCore.Http.HttpResults;
using Orafo.Ordering.Access;
using Orafo.Ordering.Intake;
using Orafo.Pgq;

namespace Orafo.Ordering.Notifying;

/// <summary>What a client's receiver has not taken in all attempts, or answered 410 to.</summary>
/// <param name="Id">Names it when it is to be tried again.</param>
/// <param name="Client">Who should be told.</param>
/// <param name="Event">The event's id: the order and the transition's place in its timeline.</param>
/// <param name="Attempts">How often it was tried.</param>
/// <param name="CreatedAt">When the order came to that state.</param>
/// <param name="Error">Why the last attempt failed.</param>
public sealed record ParkedCallback(Guid Id, string Client, string Event, int Attempts, DateTimeOffset CreatedAt, string? Error);

/// <summary>A page of them, the oldest first.</summary>
public sealed record ParkedPage(IReadOnlyList<ParkedCallback> Callbacks, PageLinks Links);

/// <summary>What an operator does about clients that could not be told: fewer things than the jobs of other services need, and in the form of this API.</summary>
internal static class ParkedCallbacks
{
    private const int Page = 100;

    public static void MapParkedCallbacks(this IEndpointRouteBuilder app)
    {
        var parked = app.MapGroup("/callbacks/parked").WithTags("Callback");

        parked.MapGet("", List)
            .RequireScope(Scopes.Admin).Answers("application/json")
            .WithName("ListParkedCallbacks").WithSummary("Webhooks that were given up, of all clients.")
            .Produces<ParkedPage>()
            .ProducesProblems(400, 406);

        parked.MapPost("{id:guid}/retry", Retry)
            .RequireScope(Scopes.Admin)
            .WithName("RetryParkedCallback").WithSummary("Has one tried now, with all attempts before it.")
            .Produces(StatusCodes.Status204NoContent)
            .ProducesProblems(404);
    }

    private static async Task<Ok<ParkedPage>> List(JobQueue<TellClient> queue, CancellationToken cancellationToken, Guid? after = null)
    {
        var jobs = await queue.ListAsync(JobStates.Parked, after ?? default, Page, cancellationToken);
        return TypedResults.Ok(new ParkedPage(
            [.. jobs.Select(job => new ParkedCallback(job.Id, job.Group, job.DeduplicationKey ?? "", job.Attempts, job.CreatedAt, job.Error))],
            new(jobs.Count == Page ? $"/callbacks/parked?after={jobs[^1].Id}" : null)));
    }

    private static async Task<IResult> Retry(Guid id, JobQueue<TellClient> queue, CancellationToken cancellationToken) =>
        await queue.RetryAsync(id, cancellationToken) ? TypedResults.NoContent() : Problems.NotFound.Because($"There is no parked callback {id}.");
}
