using System.Text.Json;
using Npgsql;

namespace Orafo.Pgq;

/// <summary>How jobs of one queue are published.</summary>
public sealed class JobQueueOptions
{
    /// <summary>The most that a payload, and its metadata, may have as JSON in UTF-8, in bytes. What is larger belongs elsewhere; the job says where.</summary>
    public int MaxBytes { get; set; } = 256 * 1024;

    /// <summary>How payloads are written and read.</summary>
    public JsonSerializerOptions Json { get; set; } = JsonSerializerOptions.Web;

    /// <summary>The database; the registered one unless set.</summary>
    public NpgsqlDataSource? DataSource { get; set; }
}
