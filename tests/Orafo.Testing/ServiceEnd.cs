namespace Orafo.Testing;

/// <summary>Ends a service that runs in a <c>WebApplicationFactory</c>.</summary>
/// <remarks>Its program ends, and disposes of its services, as soon as the factory begins to stop it: the slower of the two finds nothing left.</remarks>
public sealed class ServiceEnd(IAsyncDisposable factory) : IAsyncDisposable
{
    public async ValueTask DisposeAsync()
    {
        try
        {
            await factory.DisposeAsync();
        }
        catch (Exception e) when (FoundNothing(e))
        {
        }
    }

    /// <summary>Whether that is all that went wrong.</summary>
    public static bool FoundNothing(Exception e) =>
        e is ObjectDisposedException || (e is AggregateException several && several.Flatten().InnerExceptions.All(one => one is ObjectDisposedException));
}
