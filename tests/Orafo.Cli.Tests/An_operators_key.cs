using Orafo.Cli.Mesh;

namespace Orafo.Cli.Tests;

public sealed class An_operators_key
{
    private string _directory = "";

    [SetUp]
    public void Make() => _directory = Directory.CreateTempSubdirectory("orafo-operators-").FullName;

    [TearDown]
    public void Remove() => Directory.Delete(_directory, recursive: true);

    [Test]
    public void Is_made_once_for_the_eyes_of_its_owner_only()
    {
        var data = new DataDirectory(_directory);
        var key = Operators.EnsureKey(data);
        Assert.That(key, Does.Match("^[0-9a-f]{64}$"));
        Assert.That(File.GetUnixFileMode(data.OperatorKey), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
        Assert.That((Operators.EnsureKey(data), Operators.Key(data)), Is.EqualTo((key, key)));
    }

    [Test]
    public void That_is_gone_is_missed_by_the_name_of_its_file() =>
        Assert.That(() => Operators.Key(new DataDirectory(_directory)), Throws.InstanceOf<OrafoException>().With.Message.Contains("operator-key"));
}
