using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Numerics;
using System.Text;
using Microsoft.Extensions.Configuration;
using Orafo.Cli;
using Orafo.Invoicing.Documents;

namespace Orafo.Invoicing.Tests.Documents;

/// <summary>References (ISO 11649), accounts (ISO 13616) and the payment QR code (EPC069-12).</summary>
public sealed class A_payment
{
    // RF18 5390 0754 7034 is the example of ISO 11649 and of the European Payments Council.
    [TestCase("539007547034", "RF18539007547034")]
    [TestCase("G72UUR", "RF45G72UUR")]
    [TestCase("2026-000002", "RF152026000002")]
    [TestCase("cn2026-000001", "RF70CN2026000001")]
    public void Bears_the_invoices_number_with_check_digits(string number, string reference) => Assert.That(CreditorReference.Of(number), Is.EqualTo(reference));

    [Test]
    public void Bears_a_reference_in_which_no_digit_can_be_mistaken()
    {
        for (var sequence = 1; sequence <= 2000; sequence += 7)
        {
            var reference = CreditorReference.Of($"2026-{sequence:000000}");
            Assert.That(IsSound(reference), reference);
            var at = 4 + sequence % (reference.Length - 4);
            var mistaken = reference.Remove(at, 1).Insert(at, ((reference[at] - '0' + 1) % 10).ToString(CultureInfo.InvariantCulture));
            Assert.That(IsSound(mistaken), Is.False, mistaken);
        }

        // ISO 11649 by its words, with large numbers instead of the code's loop.
        static bool IsSound(string reference) =>
            BigInteger.Parse(string.Concat((reference[4..] + reference[..4]).Select(Digits)), CultureInfo.InvariantCulture) % 97 == 1;

        static string Digits(char c) => (char.IsDigit(c) ? c - '0' : c - 'A' + 10).ToString(CultureInfo.InvariantCulture);
    }

    [TestCase(""), TestCase("---"), TestCase("1234567890123456789012")]
    public void Has_no_reference_of_what_does_not_fit(string number) => Assert.That(() => CreditorReference.Of(number), Throws.ArgumentException);

    // The examples of the SWIFT IBAN registry.
    [TestCase("IT60X0542811101000000123456", true)]
    [TestCase("IT60 X054 2811 1010 0000 0123 456", true)]
    [TestCase("AT611904300234573201", true)]
    [TestCase("DE89370400440532013000", true)]
    [TestCase("NO9386011117947", true)]
    [TestCase("DE89370400440532013001", false)]
    [TestCase("DE98370400440532013000", false)]
    [TestCase("DE8937040044053201300", false)]
    [TestCase("370400440532013000", false)]
    [TestCase("DE89-3704-0044", false)]
    [TestCase("", false)]
    public void Goes_to_an_account_whose_number_is_right(string iban, bool isRight) => Assert.That(Iban.IsValid(iban), Is.EqualTo(isRight));

    [Test]
    public void Can_be_scanned() => Assert.That(PaymentQr.Payload(Examples.All["coupon"]), Is.EqualTo(
        "BCD\n002\n1\nSCT\nEXMPITRRXXX\nBottega Orafo S.r.l.\nIT60X0542811101000000123456\nEUR23.42\n\nRF152026000002"));

    [TestCase("yen"), TestCase("credit-note")]
    public void Is_not_scanned_if_SEPA_could_not_make_it(string example) => Assert.That(PaymentQr.Payload(Examples.All[example]), Is.Null);

    [Test]
    public void Of_nothing_is_not_scanned()
    {
        var document = Examples.All["coupon"];
        Assert.That(PaymentQr.Payload(document with { Totals = document.Totals with { Gross = 0m } }), Is.Null);
    }

    [Test]
    public void Keeps_to_the_guidelines_limits_whatever_the_seller_is_called()
    {
        var document = Examples.All["coupon"];
        var payload = PaymentQr.Payload(document with { Payment = document.Payment! with { AccountName = new string('Ж', 200) } })!;
        Assert.That(Encoding.UTF8.GetByteCount(payload), Is.LessThanOrEqualTo(331));
        Assert.That(payload.Split('\n')[5], Has.Length.EqualTo(70));
        Assert.That(PaymentQr.Modules(payload), Has.Count.LessThanOrEqualTo(17 + 4 * 13), "version 13");
    }

    [Test]
    public void Goes_to_the_example_seller_of_the_configuration()
    {
        var seller = Configured();
        Assert.That(Faults(seller), Is.Empty);
        Assert.That(seller.Details.Iban, Is.EqualTo("IT60X0542811101000000123456"));
        Assert.That((seller.Details.Bic, seller.Details.AccountName), Is.EqualTo(((string?)null, seller.Name)), "what is left empty is not there");
    }

    [TestCase("Iban", "IT60X0542811101000000123457"), TestCase("VatId", "01234567897"), TestCase("Country", "Italy"), TestCase("Name", ""), TestCase("Bic", "NO")]
    [TestCase("Email", "nobody"), TestCase("PaymentDays", "-1"), TestCase("Street", "")]
    public void Is_never_asked_for_by_a_seller_whose_details_are_wrong(string setting, string value) =>
        Assert.That(Faults(Configured((setting, value))).SelectMany(fault => fault.MemberNames), Is.EqualTo([setting]));

    private static SellerOptions Configured(params (string Name, string Value)[] settings) => new ConfigurationBuilder()
        .AddJsonFile(Path.Combine(Repository.Root, "services", "Orafo.Invoicing", "appsettings.json"))
        .AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create($"Seller:{setting.Name}", (string?)setting.Value)))
        .Build().GetSection("Seller").Get<SellerOptions>()!;

    private static List<ValidationResult> Faults(SellerOptions seller)
    {
        var faults = new List<ValidationResult>();
        Validator.TryValidateObject(seller, new ValidationContext(seller), faults, validateAllProperties: true);
        return faults;
    }
}
