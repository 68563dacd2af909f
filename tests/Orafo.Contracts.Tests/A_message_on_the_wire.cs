using System.Text.Json;
using System.Text.Json.Nodes;
using MassTransit.Serialization;

namespace Orafo.Contracts.Tests;

/// <summary>The golden files pin what other versions and other languages read and write.</summary>
public sealed class A_message_on_the_wire
{
    private static readonly JsonSerializerOptions Wire = new(SystemTextJsonMessageSerializer.Options) { WriteIndented = true };

    private static IEnumerable<TestCaseData> Messages => Examples.All.Select(message => new TestCaseData(message).SetArgDisplayNames(message.GetType().Name));

    /// <summary>Members that were added to a message that was there already.</summary>
    private static IEnumerable<TestCaseData> AddedSince =>
    [
        new(typeof(CancelOrder), "requestedBy"), new(typeof(ResumeOrder), "requestedBy"), new(typeof(GenerateInvoice), "delivery"), new(typeof(OrderHandedOver), "trackingNumber"),
    ];

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

    [TestCaseSource(nameof(AddedSince))]
    public void Is_read_from_the_version_before_that_does_not_know_a_member(Type message, string added)
    {
        var before = JsonNode.Parse(Golden(Examples.All.Single(example => example.GetType() == message)))!.AsObject();
        Assert.That(before.Remove(added), Is.True);
        var read = before.Deserialize(message, Wire);
        Assert.That(message.GetProperties().Single(property => string.Equals(property.Name, added, StringComparison.OrdinalIgnoreCase)).GetValue(read), Is.Null);
    }

    /// <remarks>And is written as that version wrote it: whoever compares or hashes the text finds no charge where there is none.</remarks>
    [TestCase(typeof(OrderDetailsReady)), TestCase(typeof(GenerateInvoice))]
    public void Is_read_from_the_version_before_there_were_charges(Type message)
    {
        var before = JsonNode.Parse(Golden(Examples.All.Single(example => example.GetType() == message)))!.AsObject();
        var sums = before["totals"]!.AsObject();
        foreach (var part in sums["vatBreakdown"]!.AsArray().Append(sums))
            Assert.That(part!.AsObject().Remove("charge"), Is.True);
        var read = before.Deserialize(message, Wire);
        var totals = (read as GenerateInvoice)?.Totals ?? ((OrderDetailsReady)read!).Totals;
        Assert.That(totals.VatBreakdown.Select(vat => vat.Charge).Append(totals.Charge), Is.All.Zero);
        Assert.That(JsonSerializer.Serialize(read, message, Wire), Is.EqualTo(before.ToJsonString(Wire)));
    }

    private static string Golden(object message) =>
        File.ReadAllText(Path.Combine(TestContext.CurrentContext.TestDirectory, "Golden", message.GetType().Name + ".json"));
}
