namespace Orafo.Cli;

/// <summary>Where this program was built from and where its neighbours are.</summary>
public static class Repository
{
    private const string Solution = "Orafo.sln";

    /// <summary>The checkout: the variable ORAFO_HOME, else the nearest directory above this program that holds the solution.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The build of a project that lies beside ours: artifacts/bin/PROJECT/CONFIGURATION/PROJECT.dll.</summary>
    public static string Binary(string project) => Existing(Path.Combine(Bin.FullName, project, Configuration, project + ".dll"));

    /// <summary>A service as it is started (Images.targets): artifacts/images/PROJECT/CONFIGURATION/PROJECT.dll.</summary>
    public static string Image(string project) => Existing(Path.Combine(Bin.Parent!.FullName, "images", project, Configuration, project + ".dll"));

    private static DirectoryInfo Bin => new DirectoryInfo(AppContext.BaseDirectory).Parent!.Parent!;

    private static string Configuration => new DirectoryInfo(AppContext.BaseDirectory).Name;

    private static string Existing(string path) =>
        File.Exists(path) ? path : throw new OrafoException($"{path} is missing. Build the solution, or start by ./orafo.");

    /// <summary>The command that runs .NET programs, the one that runs this program where it can be known.</summary>
    public static string Dotnet =>
        Environment.ProcessPath is { } path && Path.GetFileName(path) == "dotnet" ? path : Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";

    private static string FindRoot()
    {
        if (Environment.GetEnvironmentVariable("ORAFO_HOME") is { Length: > 0 } home)
            return Path.GetFullPath(home);
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, Solution)))
                return directory.FullName;
        }

        throw new OrafoException($"{Solution} is nowhere above {AppContext.BaseDirectory}. Start by ./orafo, or set ORAFO_HOME to the checkout.");
    }
}
