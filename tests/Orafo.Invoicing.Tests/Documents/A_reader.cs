using Microsoft.Net.Http.Headers;
using Orafo.Invoicing.Documents;

namespace Orafo.Invoicing.Tests.Documents;

/// <summary>Content negotiation, RFC 9110, 12.5.1.</summary>
public sealed class A_reader
{
    private const string Json = Representations.Json;
    private const string Pdf = Representations.Pdf;
    private const string Xml = Representations.Xml;

    [TestCase("", Json, Pdf, Xml)]
    [TestCase("*/*", Json, Pdf, Xml)]
    [TestCase("application/*", Json, Pdf, Xml)]
    [TestCase("application/pdf", Pdf)]
    [TestCase("application/pdf, application/json;q=0.5", Pdf, Json)]
    [TestCase("application/json;q=0.5, application/xml", Xml, Json)]
    [TestCase("application/xml;q=0.1, */*;q=0.2", Json, Pdf, Xml)]
    [TestCase("*/*, application/json;q=0", Pdf, Xml)]
    [TestCase("application/*;q=0, application/pdf", Pdf)]
    [TestCase("text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8", Xml, Json, Pdf)]
    [TestCase("APPLICATION/PDF", Pdf)]
    [TestCase("text/html")]
    [TestCase("application/pdf;q=0")]
    public void Gets_what_is_wanted_most(string accept, params string[] types)
    {
        var ranges = accept.Length == 0 ? [] : MediaTypeHeaderValue.ParseList([accept]);
        Assert.That(Representations.Acceptable(ranges), Is.EqualTo(types));
    }
}
