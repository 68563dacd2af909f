using Orafo.Contracts;

namespace Orafo.Ordering.Tests;

/// <summary>The three services as the saga sees them: what each has in its books, and what it answers. Each may be told anything twice, late and in any order.</summary>
internal sealed class Shop(OrderJourney order, Random random)
{
    /// <summary>Whether steps may fail, so that somebody has to decide.</summary>
    public bool IsUnlucky { get; set; } = true;

    public bool IsReserved { get; private set; }
    public bool IsRedeemed { get; private set; }
    public bool IsReleased { get; private set; }
    public bool IsRejected { get; private set; }

    public int Invoices { get; private set; }
    public int CreditNotes { get; private set; }
    public bool IsWithheld { get; private set; }
    public bool IsPrinted { get; private set; }

    public bool IsBooked { get; private set; }
    public bool IsRecalled { get; private set; }
    public bool IsPickedUp { get; private set; }

    /// <summary>What it answers, if anything.</summary>
    public IEnumerable<object> Hear(object message) => message switch
    {
        GetOrderDetails => Reserve(),
        OrderCancelled => Release(),
        OrderCompleted => Redeem(),
        GenerateInvoice => Issue(),
        CreditInvoice => Credit(),
        HandOverOrder => Book(),
        RecallHandOver => Recall(),
        _ => [],
    };

    /// <summary>The carrier comes when he comes.</summary>
    public void MaybePickUp() => IsPickedUp |= IsBooked && !IsRecalled && random.Next(4) == 0;

    private IEnumerable<object> Reserve()
    {
        if (IsReleased)
            return [];
        IsRejected |= !IsReserved && IsUnlucky && random.Next(10) == 0;
        IsReserved = !IsRejected;
        return [IsRejected ? order.DetailsRejected : order.DetailsReady];
    }

    private IEnumerable<object> Release()
    {
        (IsReserved, IsReleased) = (false, true);
        return [];
    }

    private IEnumerable<object> Redeem()
    {
        IsRedeemed = true;
        return [];
    }

    private IEnumerable<object> Issue()
    {
        if (IsWithheld)
            return [];
        Invoices = 1;
        if (IsPrinted)
            return [order.InvoiceGenerated];
        if (IsUnlucky && random.Next(3) == 0)
            return [order.InvoiceIssued, order.InvoiceFailed];
        IsPrinted = true;
        return random.Next(2) == 0 ? [order.InvoiceGenerated] : [order.InvoiceIssued, order.InvoiceGenerated];
    }

    private IEnumerable<object> Credit()
    {
        IsWithheld = true;
        CreditNotes = Invoices;
        return [order.Credited];
    }

    private IEnumerable<object> Book()
    {
        if (IsRecalled)
            return [];
        if (!IsBooked && IsUnlucky && random.Next(3) == 0)
            return [order.HandOverFailed];
        IsBooked = true;
        return [order.HandedOver];
    }

    private IEnumerable<object> Recall()
    {
        if (IsPickedUp)
            return [order.RecallRefused];
        IsRecalled = true;
        return [order.Recalled];
    }
}
