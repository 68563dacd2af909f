namespace Orafo.Invoicing.Documents;

/// <summary>A VAT category (UNTDID 5305, BT-118) and what EN 16931 asks of it.</summary>
/// <param name="Code">UNTDID 5305.</param>
/// <param name="IsTaxed">Its rate is more than zero (BR-S-05 and kin), otherwise exactly zero.</param>
/// <param name="ExemptionCode">BT-121, of the VATEX list.</param>
/// <param name="Note">BT-120: why no VAT is charged (Directive 2006/112/EC, art. 226(11) and (11a)).</param>
/// <param name="NeedsBuyersVatId">BR-IC-02, BR-AE-02.</param>
public sealed record VatCategory(string Code, bool IsTaxed = false, string? ExemptionCode = null, string? Note = null, bool NeedsBuyersVatId = false)
{
    private const string Exempt = "E";
    private const string IntraCommunity = "K";

    private static readonly Dictionary<string, VatCategory> All = new VatCategory[]
    {
        new("S", IsTaxed: true),
        new("Z"),
        // Its note depends on what the seller is exempt for: configuration.
        new(Exempt),
        new("AE", ExemptionCode: "VATEX-EU-AE", Note: "Reverse charge", NeedsBuyersVatId: true),
        new(IntraCommunity, ExemptionCode: "VATEX-EU-IC", Note: "Intra-Community supply, Directive 2006/112/EC, art. 138", NeedsBuyersVatId: true),
        new("G", ExemptionCode: "VATEX-EU-G", Note: "Export outside the EU, Directive 2006/112/EC, art. 146"),
    }.ToDictionary(category => category.Code, StringComparer.Ordinal);

    /// <summary>What the names of its rules begin with.</summary>
    public string Rules => Code == IntraCommunity ? "BR-IC" : $"BR-{Code}";

    /// <summary>Why no VAT is charged (BT-120); null if it is, or nothing need be said.</summary>
    public static string? NoteOf(string code, Seller seller) => code == Exempt ? seller.ExemptionReason : Of(code)?.Note;

    /// <summary>Null if documents cannot bear it: O does not go with a seller's VAT id (BR-O-02), and every seller here has one.</summary>
    public static VatCategory? Of(string code) => All.GetValueOrDefault(code);
}
