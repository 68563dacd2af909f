namespace Orafo.Contracts;

/// <summary>Marks what identifies a person (GDPR art. 4(1)): it never enters a log, a metric, a trace or an exception's text.</summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Class)]
public sealed class PersonalDataAttribute : Attribute;

/// <summary>
/// Marks an event that is true whether or not anybody listens. Every other message is published with AMQP's
/// <c>mandatory</c> flag: if no queue takes it, the broker returns it and the sender keeps it.
/// </summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class ReceiverOptionalAttribute : Attribute;
