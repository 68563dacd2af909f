namespace Orafo.Pgq;

/// <summary>The lease on a job ran out: another worker may have it, and what was to be written for it must not be.</summary>
public sealed class LeaseLostException : Exception
{
    public LeaseLostException()
        : this("The lease on the job ran out; another worker may have it.")
    {
    }

    public LeaseLostException(string message)
        : base(message)
    {
    }

    public LeaseLostException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
