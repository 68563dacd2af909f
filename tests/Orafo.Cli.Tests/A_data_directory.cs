using Orafo.Cli.Mesh;
using Orafo.Cli.Servers;

namespace Orafo.Cli.Tests;

public sealed class A_data_directory
{
    private string _first = "", _second = "";

    [SetUp]
    public void Make() => (_first, _second) = (Directory.CreateTempSubdirectory("orafo-first-").FullName, Directory.CreateTempSubdirectory("orafo-second-").FullName);

    [TearDown]
    public void Remove()
    {
        Directory.Delete(_first, recursive: true);
        Directory.Delete(_second, recursive: true);
    }

    /// <remarks>A start that looks elsewhere than the one before finds none of its orders.</remarks>
    [TestCase(false, false, true, 1), TestCase(false, false, false, 2)]
    [TestCase(true, false, true, 1), TestCase(true, false, false, 1)]
    [TestCase(false, true, true, 2), TestCase(false, true, false, 2)]
    [TestCase(true, true, true, 1), TestCase(true, true, false, 1)]
    public void Keeps_the_servers_where_their_data_is(bool isInFirst, bool isInSecond, bool canEnter, int chosen)
    {
        foreach (var (directory, isIn) in new[] { (_first, isInFirst), (_second, isInSecond) })
        {
            if (isIn)
                Directory.CreateDirectory(Path.Combine(directory, "postgres"));
        }

        Assert.That(DataDirectory.Choose(_first, _second, _ => canEnter), Is.EqualTo(chosen == 1 ? _first : _second));
    }

    /// <remarks>Before a server is installed it has no user, and nobody, whose group has another name, stands for it.</remarks>
    [Test]
    public void Can_be_entered_before_the_servers_are_installed_if_anybody_can_enter_it() =>
        Assert.That(Account.CanEnter("/", Account.For("no-such-user")));
}
