using System.Globalization;
using System.Runtime.InteropServices;
using Orafo.Cli.Servers;

namespace Orafo.Cli.Comparing;

/// <summary>How a comparison was measured.</summary>
/// <param name="Date">When.</param>
/// <param name="Command">By what.</param>
/// <param name="Orders">In each run.</param>
/// <param name="TimeScale">What the talk's times were multiplied by.</param>
/// <param name="Processors">Of the machine that everything ran on.</param>
/// <param name="Processor">Their kind.</param>
/// <param name="MemoryGiB">The machine's.</param>
/// <param name="System">Its operating system.</param>
/// <param name="Framework">The version of .NET.</param>
/// <param name="Servers">The versions of PostgreSQL and RabbitMQ.</param>
/// <param name="MemoryLimit">What holds processes to their memory there, see <see cref="MemoryGroup.Kind"/>.</param>
internal sealed record ComparisonFacts(
    DateOnly Date, string Command, int Orders, double TimeScale, int Processors, string Processor, long MemoryGiB, string System, string Framework, string Servers, string MemoryLimit)
{
    /// <summary>Of this machine, now.</summary>
    /// <param name="servers">Those of the small programs.</param>
    public static async Task<ComparisonFacts> Here(string command, int orders, double timeScale, CompareServers servers, CancellationToken stop) => new(
        DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime), command, orders, timeScale, Environment.ProcessorCount, Proc.Processor(),
        GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (1 << 30), RuntimeInformation.OSDescription, RuntimeInformation.FrameworkDescription,
        await servers.Versions(stop), await MemoryGroup.KindHere());

    /// <summary>For a reader, without the command.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Date:yyyy-MM-dd}, {Orders} orders in each run, times × {TimeScale}, everything on one machine: {Processors} processors ({Processor}), {MemoryGiB} GiB, {System}, {Framework}, {Servers}.");
}
