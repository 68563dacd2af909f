using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Orafo.Contracts.Tests;

/// <summary>The catalogue (the README of the contracts) and the documentation of the types say the same.</summary>
public sealed partial class The_catalogue
{
    private static readonly string[] Services = ["Ordering", "the order saga", "OrderDetails", "Invoicing", "HandOver"];

    private static IEnumerable<Type> Messages => Examples.MessageTypes;

    [Test]
    public void Lists_every_message_once() =>
        Assert.That(Rows().Select(row => row.Name), Is.EquivalentTo(Messages.Select(type => type.Name)));

    [TestCaseSource(nameof(Messages))]
    public void Says_what_the_type_says(Type message)
    {
        var row = Rows().Single(row => row.Name == message.Name);
        var (kind, from, to) = Documented(message);
        Assert.That((row.Kind, row.From, row.To), Is.EqualTo((kind, from, to)));
    }

    [TestCaseSource(nameof(Messages))]
    public void Knows_whether_anybody_must_receive_it(Type message) =>
        Assert.That(message.IsDefined(typeof(ReceiverOptionalAttribute)), Is.EqualTo(!Services.Contains(Documented(message).To)));

    [TestCaseSource(nameof(Messages))]
    public void Marks_what_identifies_a_person(Type message)
    {
        foreach (var property in message.GetProperties().Where(property => property.PropertyType.IsDefined(typeof(PersonalDataAttribute))))
            Assert.That(property.IsDefined(typeof(PersonalDataAttribute)), Is.True, property.Name);
    }

    private static IEnumerable<(string Name, string Kind, string From, string To)> Rows() =>
        from line in File.ReadLines(Path.Combine(TestContext.CurrentContext.TestDirectory, "Catalogue.md"))
        let row = CatalogueRow().Match(line)
        where row.Success
        select (row.Groups["name"].Value, row.Groups["kind"].Value, row.Groups["from"].Value, row.Groups["to"].Value);

    private static (string Kind, string From, string To) Documented(Type message)
    {
        var documentation = XDocument.Load(Path.ChangeExtension(typeof(GetOrderDetails).Assembly.Location, "xml"));
        var text = documentation.Descendants("member").Single(member => (string?)member.Attribute("name") == "T:" + message.FullName).Value;
        var sentence = KindAndRoute().Match(text);
        Assert.That(sentence.Success, Is.True, $"{message.Name} does not say its kind, its sender and its receiver:\n{text}");
        return (sentence.Groups["kind"].Value, sentence.Groups["from"].Value, sentence.Groups["to"].Value);
    }

    [GeneratedRegex(@"^\| `(?<name>\w+)` \| (?<kind>\w+) \| (?<from>[^|]+?) \| (?<to>[^|]+?) \|")]
    private static partial Regex CatalogueRow();

    [GeneratedRegex(@"^\s*(?<kind>Command|Event)\..*From: (?:an operator, through |a client or an operator, through )?(?<from>[^.,]+)\.\s+To: (?<to>[^.]+)\.", RegexOptions.Singleline)]
    private static partial Regex KindAndRoute();
}
