using System.Net.Sockets;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Orafo.ServiceDefaults;

namespace Orafo.Persistence.Tests;

public sealed class The_retry_policy
{
    [TestCase(PostgresErrorCodes.AdminShutdown, true)]
    [TestCase(PostgresErrorCodes.CrashShutdown, true)]
    [TestCase(PostgresErrorCodes.CannotConnectNow, true)]
    [TestCase(PostgresErrorCodes.TooManyConnections, true)]
    [TestCase(PostgresErrorCodes.SerializationFailure, true)]
    [TestCase(PostgresErrorCodes.DeadlockDetected, true)]
    [TestCase("25P03", true)]
    [TestCase(PostgresErrorCodes.UniqueViolation, false)]
    [TestCase(PostgresErrorCodes.UndefinedTable, false)]
    public void Tells_by_SQLSTATE_whether_the_database_or_the_message_is_at_fault(string sqlState, bool isInfrastructure) =>
        Assert.That(ReliableDelivery.IsInfrastructure(new DbUpdateException("x", new PostgresException("x", "ERROR", "ERROR", sqlState))), Is.EqualTo(isInfrastructure));

    [Test]
    public void Takes_a_lost_connection_for_the_databases_fault() =>
        Assert.That(ReliableDelivery.IsInfrastructure(new InvalidOperationException("x", new NpgsqlException("x", new SocketException()))), Is.True);

    [Test]
    public void Takes_anything_else_for_the_messages_fault() =>
        Assert.That(ReliableDelivery.IsInfrastructure(new InvalidOperationException("x")), Is.False);
}
