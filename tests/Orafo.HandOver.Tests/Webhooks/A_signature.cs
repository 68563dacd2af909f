using System.Text;
using Orafo.ServiceDefaults.Webhooks;

namespace Orafo.HandOver.Tests.Webhooks;

public sealed class A_signature
{
    // The example that the reference libraries of Standard Webhooks are tested with.
    private const string Id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    private const string Timestamp = "1614265330";
    private const string Signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    private static readonly byte[] Body = """{"test": 2432232314}"""u8.ToArray();
    private static readonly WebhookSecret Secret = WebhookSecret.Parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    private static readonly WebhookSecret Other = WebhookSecret.Parse(Convert.ToBase64String(new byte[32]));
    private static readonly DateTimeOffset At = DateTimeOffset.FromUnixTimeSeconds(1614265330);

    [Test]
    public void Is_that_of_the_published_example() => Assert.That(WebhookSignature.Sign([Secret], Id, At, Body), Is.EqualTo(Signature));

    [Test]
    public void Of_the_published_example_is_accepted() => Assert.That(Verify(Signature), Is.True);

    [Test]
    public void Is_made_with_each_secret_so_that_a_receiver_may_have_either()
    {
        var both = WebhookSignature.Sign([Other, Secret], Id, At, Body);
        Assert.That(both.Split(' '), Has.Length.EqualTo(2).And.Member(Signature));
        Assert.That(WebhookSignature.Verify([Secret], Id, Timestamp, both, Body, At), Is.True);
        Assert.That(WebhookSignature.Verify([Other], Id, Timestamp, both, Body, At), Is.True);
        Assert.That(WebhookSignature.Verify([Other, Secret], Id, Timestamp, Signature, Body, At), Is.True, "the receiver has the new one already");
        Assert.That(WebhookSignature.Verify([Other], Id, Timestamp, Signature, Body, At), Is.False);
    }

    [TestCase(-301, false), TestCase(-300, true), TestCase(300, true), TestCase(301, false)]
    public void Is_accepted_for_five_minutes(int seconds, bool isAccepted) =>
        Assert.That(WebhookSignature.Verify([Secret], Id, Timestamp, Signature, Body, At.AddSeconds(seconds)), Is.EqualTo(isAccepted));

    [TestCase("msg_other", Timestamp, Signature)]
    [TestCase("", Timestamp, Signature)]
    [TestCase(null, Timestamp, Signature)]
    [TestCase(Id, "1614265331", Signature)]
    [TestCase(Id, null, Signature)]
    [TestCase(Id, "soon", Signature)]
    [TestCase(Id, "-1", Signature)]
    [TestCase(Id, "9223372036854775807", Signature)]
    [TestCase(Id, Timestamp, null)]
    [TestCase(Id, Timestamp, "")]
    [TestCase(Id, Timestamp, "v1,")]
    [TestCase(Id, Timestamp, "v1,no base64!")]
    [TestCase(Id, Timestamp, "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")]
    [TestCase(Id, Timestamp, "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")]
    [TestCase(Id, Timestamp, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA=")]
    public void Is_refused_if_anything_is_not_as_it_was_signed(string? id, string? timestamp, string? signature) =>
        Assert.That(WebhookSignature.Verify([Secret], id, timestamp, signature, Body, At), Is.False);

    [Test]
    public void Is_refused_for_another_body() =>
        Assert.That(WebhookSignature.Verify([Secret], Id, Timestamp, Signature, """{"test": 2432232315}"""u8, At), Is.False);

    [Test]
    public void Of_another_version_beside_it_does_no_harm() => Assert.That(Verify("v1a,AAAA " + Signature + " v1,AAAA"), Is.True);

    [TestCase(null), TestCase(""), TestCase("whsec_"), TestCase("whsec_no base64!"), TestCase("whsec_c2hvcnQ=")]
    public void Is_not_made_with_what_is_no_secret(string? secret) =>
        Assert.That(() => WebhookSecret.Parse(secret), Throws.InstanceOf<FormatException>().With.Message.Not.Contain("c2hvcnQ"));

    [Test]
    public void Does_not_give_its_secret_away() => Assert.That($"{Secret}", Does.Not.Contain("MfKQ"));

    [Test]
    public void Needs_a_secret() => Assert.That(() => WebhookSignature.Sign([], Id, At, Encoding.UTF8.GetBytes("{}")), Throws.ArgumentException);

    private static bool Verify(string signature) => WebhookSignature.Verify([Secret], Id, Timestamp, signature, Body, At);
}
