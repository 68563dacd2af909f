namespace Orafo.Cli.Mesh;

/// <summary>What a service says of itself at <c>/health/ready</c>.</summary>
internal static class Health
{
    public const string Healthy = "Healthy";

    /// <summary>It takes orders while its broker is away.</summary>
    public const string Degraded = "Degraded";

    public const string Unhealthy = "Unhealthy";

    /// <summary>Nobody answers.</summary>
    public const string Down = "Down";

    public static HttpClient NewClient() => new() { Timeout = TimeSpan.FromSeconds(5) };

    public static async Task<string> OfAsync(HttpClient http, string url, CancellationToken cancellationToken)
    {
        try
        {
            using var answer = await http.GetAsync(new Uri(url + "/health/ready"), cancellationToken);
            if (!answer.IsSuccessStatusCode)
                return Unhealthy;
            return (await answer.Content.ReadAsStringAsync(cancellationToken)).Trim() == Degraded ? Degraded : Healthy;
        }
        catch (HttpRequestException)
        {
            return Down;
        }
        catch (TaskCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return Down;
        }
    }

    /// <summary>Whether every part that can be asked is healthy.</summary>
    public static async Task<bool> AreAllAsync(HttpClient http, MeshState state, CancellationToken cancellationToken)
    {
        foreach (var part in state.Parts.Where(part => part.Url is not null))
        {
            if (await OfAsync(http, part.Url!, cancellationToken) != Healthy)
                return false;
        }

        return true;
    }
}
