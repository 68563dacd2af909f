using System.Globalization;

namespace Orafo.Ordering.Intake;

/// <summary>The preferences of a request (RFC 7240) that are understood here: <c>wait</c>.</summary>
internal static class Preference
{
    public const string Header = "Prefer";

    private const int LongestWait = 60;

    /// <summary>How long the client wants to wait for the end, at most a minute. What is not understood is ignored, as the RFC has it.</summary>
    /// <remarks>Commas part preferences; what follows a semicolon belongs to the preference before it.</remarks>
    public static TimeSpan? Wait(string[]? prefer)
    {
        foreach (var preference in (prefer ?? []).SelectMany(header => header.Split(',')))
        {
            if (preference.Split(';')[0].Split('=', 2, StringSplitOptions.TrimEntries) is [var name, var value]
                && name.Equals("wait", StringComparison.OrdinalIgnoreCase)
                && int.TryParse(value.Trim('"'), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
                && seconds > 0)
                return TimeSpan.FromSeconds(Math.Min(seconds, LongestWait));
        }

        return null;
    }

    /// <summary>Tells the client how long it was ready to wait.</summary>
    public static void Applied(HttpResponse response, TimeSpan wait) =>
        response.Headers["Preference-Applied"] = string.Create(CultureInfo.InvariantCulture, $"wait={(int)wait.TotalSeconds}");
}
