using System.Text.Json;
using System.Text.Json.Nodes;
using MassTransit.Serialization;

namespace Orafo.Contracts.Tests;

/// <summary>The golden files pin what other versions and other languages read and write.</summary>
public sealed class A_message_on_the_wire
{
    private static readonly JsonSerializerOptions Wire = new(SystemTextJsonMessageSerializer.Options) { WriteIndented = true };

    private static IEnumerable<TestCaseData> Messages => Examples.All.Select(message => new TestCaseData(message).SetArgDisplayNames(message.GetType().Name));

    [Test]
    public void Has_an_example_of_every_type() =>
        Assert.That(Examples.All.Select(message => message.GetType()), Is.EquivalentTo(Examples.MessageTypes));

    [TestCaseSource(nameof(Messages))]
    public void Is_written_as_its_golden_file(object message)
    {
        var written = JsonNode.Parse(JsonSerializer.Serialize(message, message.GetType(), Wire));
        Assert.That(JsonNode.DeepEquals(written, JsonNode.Parse(Golden(message))), Is.True, $"Written:\n{written?.ToJsonString(Wire)}");
    }

    [TestCaseSource(nameof(Messages))]
    public void Is_read_back_whole_from_its_golden_file(object message)
    {
        var read = JsonSerializer.Deserialize(Golden(message), message.GetType(), Wire);
        Assert.That(JsonSerializer.Serialize(read, message.GetType(), Wire), Is.EqualTo(JsonSerializer.Serialize(message, message.GetType(), Wire)));
    }

    [TestCaseSource(nameof(Messages))]
    public void Is_read_by_an_older_version_that_does_not_know_a_new_member(object message)
    {
        var newer = JsonNode.Parse(Golden(message))!.AsObject();
        newer["addedLater"] = new JsonObject { ["anything"] = 1 };
        Assert.That(newer.Deserialize(message.GetType(), Wire), Is.InstanceOf(message.GetType()));
    }

    private static string Golden(object message) =>
        File.ReadAllText(Path.Combine(TestContext.CurrentContext.TestDirectory, "Golden", message.GetType().Name + ".json"));
}
