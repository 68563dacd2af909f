using System.Xml.Linq;

namespace Orafo.Invoicing.Tests.Documents;

/// <summary>The order in which the UBL 2.1 schema (xsd:sequence) wants the children of an element; of the common types, those that EN 16931 uses.</summary>
internal static class UblSequences
{
    private const string Address =
        "ID AddressTypeCode AddressFormatCode Postbox Floor Room StreetName AdditionalStreetName BlockName BuildingName BuildingNumber InhouseMail Department "
        + "MarkAttention MarkCare PlotIdentification CitySubdivisionName CityName PostalZone CountrySubentity CountrySubentityCode Region District TimezoneOffset "
        + "AddressLine Country LocationCoordinate";

    private const string Category =
        "ID Name Percent BaseUnitMeasure PerUnitAmount TaxExemptionReasonCode TaxExemptionReason TierRange TierRatePercent TaxScheme";

    private const string Line =
        "ID UUID Note InvoicedQuantity CreditedQuantity LineExtensionAmount TaxPointDate AccountingCostCode AccountingCost PaymentPurposeCode FreeOfChargeIndicator "
        + "InvoicePeriod OrderLineReference DespatchLineReference ReceiptLineReference BillingReference DocumentReference PricingReference OriginatorParty Delivery "
        + "PaymentTerms AllowanceCharge TaxTotal WithholdingTaxTotal Item Price DeliveryTerms SubInvoiceLine ItemPriceExtension";

    private static readonly Dictionary<string, string[]> Sequences = new (string Element, string Children)[]
    {
        ("Invoice",
            "UBLExtensions UBLVersionID CustomizationID ProfileID ProfileExecutionID ID CopyIndicator UUID IssueDate IssueTime DueDate InvoiceTypeCode Note TaxPointDate "
            + "DocumentCurrencyCode TaxCurrencyCode PricingCurrencyCode PaymentCurrencyCode PaymentAlternativeCurrencyCode AccountingCostCode AccountingCost "
            + "LineCountNumeric BuyerReference InvoicePeriod OrderReference BillingReference DespatchDocumentReference ReceiptDocumentReference "
            + "StatementDocumentReference OriginatorDocumentReference ContractDocumentReference AdditionalDocumentReference ProjectReference Signature "
            + "AccountingSupplierParty AccountingCustomerParty PayeeParty BuyerCustomerParty SellerSupplierParty TaxRepresentativeParty Delivery DeliveryTerms "
            + "PaymentMeans PaymentTerms PrepaidPayment AllowanceCharge TaxExchangeRate PricingExchangeRate PaymentExchangeRate PaymentAlternativeExchangeRate "
            + "TaxTotal WithholdingTaxTotal LegalMonetaryTotal InvoiceLine"),
        ("CreditNote",
            "UBLExtensions UBLVersionID CustomizationID ProfileID ProfileExecutionID ID CopyIndicator UUID IssueDate IssueTime TaxPointDate CreditNoteTypeCode Note "
            + "DocumentCurrencyCode TaxCurrencyCode PricingCurrencyCode PaymentCurrencyCode PaymentAlternativeCurrencyCode AccountingCostCode AccountingCost "
            + "LineCountNumeric BuyerReference InvoicePeriod DiscrepancyResponse OrderReference BillingReference DespatchDocumentReference ReceiptDocumentReference "
            + "ContractDocumentReference AdditionalDocumentReference StatementDocumentReference OriginatorDocumentReference Signature AccountingSupplierParty "
            + "AccountingCustomerParty PayeeParty BuyerCustomerParty SellerSupplierParty TaxRepresentativeParty Delivery DeliveryTerms PaymentMeans PaymentTerms "
            + "TaxExchangeRate PricingExchangeRate PaymentExchangeRate PaymentAlternativeExchangeRate AllowanceCharge TaxTotal LegalMonetaryTotal CreditNoteLine"),
        ("BillingReference", "InvoiceDocumentReference SelfBilledInvoiceDocumentReference CreditNoteDocumentReference AdditionalDocumentReference BillingReferenceLine"),
        ("InvoiceDocumentReference", "ID CopyIndicator UUID IssueDate IssueTime DocumentTypeCode DocumentType"),
        ("AccountingSupplierParty", "CustomerAssignedAccountID AdditionalAccountID DataSendingCapability Party"),
        ("AccountingCustomerParty", "CustomerAssignedAccountID SupplierAssignedAccountID AdditionalAccountID Party"),
        ("Party",
            "MarkCareIndicator MarkAttentionIndicator WebsiteURI LogoReferenceID EndpointID IndustryClassificationCode PartyIdentification PartyName Language "
            + "PostalAddress PhysicalLocation PartyTaxScheme PartyLegalEntity Contact Person AgentParty"),
        ("PartyIdentification", "ID"),
        ("PostalAddress", Address),
        ("Address", Address),
        ("Country", "IdentificationCode Name"),
        ("PartyTaxScheme", "RegistrationName CompanyID TaxLevelCode ExemptionReasonCode ExemptionReason RegistrationAddress TaxScheme"),
        ("TaxScheme", "ID Name TaxTypeCode CurrencyCode"),
        ("PartyLegalEntity", "RegistrationName CompanyID RegistrationDate"),
        ("Contact", "ID Name Telephone Telefax ElectronicMail Note OtherCommunication"),
        ("Delivery", "ID Quantity MinimumQuantity MaximumQuantity ActualDeliveryDate ActualDeliveryTime LatestDeliveryDate LatestDeliveryTime ReleaseID TrackingID DeliveryAddress DeliveryLocation"),
        ("DeliveryLocation", "ID Description Conditions CountrySubentity CountrySubentityCode LocationTypeCode InformationURI Name ValidityPeriod Address"),
        ("PaymentMeans",
            "ID PaymentMeansCode PaymentDueDate PaymentChannelCode InstructionID InstructionNote PaymentID CardAccount PayerFinancialAccount PayeeFinancialAccount"),
        ("PayeeFinancialAccount", "ID Name AliasName AccountTypeCode AccountFormatCode CurrencyCode PaymentNote FinancialInstitutionBranch Country"),
        ("FinancialInstitutionBranch", "ID Name FinancialInstitution Address"),
        ("PaymentTerms", "ID PaymentMeansID PrepaidPaymentReferenceID Note"),
        ("AllowanceCharge",
            "ID ChargeIndicator AllowanceChargeReasonCode AllowanceChargeReason MultiplierFactorNumeric PrepaidIndicator SequenceNumeric Amount BaseAmount "
            + "AccountingCostCode AccountingCost PerUnitAmount TaxCategory TaxTotal PaymentMeans"),
        ("TaxTotal", "TaxAmount RoundingAmount TaxEvidenceIndicator TaxIncludedIndicator TaxSubtotal"),
        ("TaxSubtotal", "TaxableAmount TaxAmount CalculationSequenceNumeric TransactionCurrencyTaxAmount Percent BaseUnitMeasure PerUnitAmount TierRange TierRatePercent TaxCategory"),
        ("TaxCategory", Category),
        ("ClassifiedTaxCategory", Category),
        ("LegalMonetaryTotal",
            "LineExtensionAmount TaxExclusiveAmount TaxInclusiveAmount AllowanceTotalAmount ChargeTotalAmount PrepaidAmount PayableRoundingAmount PayableAmount "
            + "PayableAlternativeAmount"),
        ("InvoiceLine", Line),
        ("CreditNoteLine", Line),
        ("Item", "Description PackQuantity PackSizeNumeric CatalogueIndicator Name HazardousRiskIndicator AdditionalInformation Keyword BrandName ModelName BuyersItemIdentification "
            + "SellersItemIdentification ManufacturersItemIdentification StandardItemIdentification CatalogueItemIdentification OriginCountry CommodityClassification "
            + "TransactionConditions HazardousItem ClassifiedTaxCategory"),
        ("SellersItemIdentification", "ID ExtendedID"),
        ("Price", "PriceAmount BaseQuantity PriceChangeReason PriceTypeCode PriceType OrderableUnitFactorRate"),
    }.ToDictionary(sequence => sequence.Element, sequence => sequence.Children.Split(' '), StringComparer.Ordinal);

    /// <summary>The first element that stands where the schema does not want it, or null.</summary>
    public static string? Misplaced(XElement element)
    {
        if (!element.HasElements)
            return element.Value.Length > 0 ? null : $"{element.Name.LocalName} is empty";
        var sequence = Sequences[element.Name.LocalName];
        var last = 0;
        foreach (var child in element.Elements())
        {
            var index = Array.IndexOf(sequence, child.Name.LocalName);
            if (index < last)
                return $"{element.Name.LocalName}/{child.Name.LocalName}";
            last = index;
            if (Misplaced(child) is { } misplaced)
                return misplaced;
        }

        return null;
    }
}
