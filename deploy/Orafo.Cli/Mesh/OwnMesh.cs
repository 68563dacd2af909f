namespace Orafo.Cli.Mesh;

/// <summary>A mesh that a command has to itself; nothing of it is left afterwards.</summary>
internal static class OwnMesh
{
    /// <param name="command">Names its directory.</param>
    /// <param name="run">Gets the mesh's directory once everything is healthy.</param>
    /// <param name="settings">What is special about it.</param>
    /// <param name="printSeconds">How long the printer takes for a page.</param>
    public static async Task<T> Run<T>(
        string command, Func<DataDirectory, Task<T>> run, CancellationToken stop, MeshSettings? settings = null, double printSeconds = 0)
    {
        var data = new DataDirectory(Directory.CreateTempSubdirectory($"orafo-{command}-").FullName);
        data.Create();
        using var announcer = new Announcer(data.SupervisorLog, Console.Out);
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(stop);
        await using var supervisor = new Supervisor(data, printSeconds, announcer, settings);
        supervisor.RemoveDataAtEnd();
        var isUp = new TaskCompletionSource();
        var running = supervisor.RunAsync(isUp.SetResult, stopping.Token);
        try
        {
            await await Task.WhenAny(isUp.Task, running);
            return await run(data);
        }
        finally
        {
            await stopping.CancelAsync();
            await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
