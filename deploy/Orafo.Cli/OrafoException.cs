namespace Orafo.Cli;

/// <summary>What went wrong, in words for the person at the keyboard: shown without a stack trace.</summary>
public sealed class OrafoException(string message, Exception? inner = null) : Exception(message, inner);
