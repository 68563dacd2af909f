namespace Orafo.Ordering.Saga;

/// <summary>How fast orders leave one step. All times in UTC.</summary>
internal sealed class StepPace
{
    /// <summary>In seconds: what is so long ago counts for 1/e.</summary>
    private const double Memory = 60;

    /// <summary>Of one stay, in the usual one.</summary>
    private const double Weight = 0.2;

    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private DateTimeOffset _lastCame;
    private DateTimeOffset _lastLeft;
    private double? _usual;
    private double _passed;
    private double _served;

    /// <summary>How long one that leaves now was in the step.</summary>
    public TimeSpan? Usual
    {
        get
        {
            lock (_lock)
                return _usual is { } seconds ? TimeSpan.FromSeconds(seconds) : null;
        }
    }

    public void Leave(DateTimeOffset came, DateTimeOffset left)
    {
        lock (_lock)
        {
            var stay = Math.Max(0, (left - came).TotalSeconds);
            _usual = _usual is { } usual ? usual + (Weight * (stay - usual)) : stay;
            if (_lastLeft != default)
            {
                var passed = Math.Max(0, (left - _lastLeft).TotalSeconds);
                var kept = Math.Exp(-passed / Memory);
                _passed = (_passed * kept) + passed;
                _served = (_served * kept) + (came - _lastCame).TotalSeconds;
            }

            (_lastCame, _lastLeft) = (came, left);
        }
    }

    /// <summary>How long one will yet be in the step that has been in it for so long.</summary>
    public TimeSpan? Remaining(TimeSpan stay)
    {
        lock (_lock)
        {
            if (_usual is not { } usual || IsLate(stay))
                return null;
            var speed = _passed > 0 ? Math.Clamp(_served / _passed, 0.05, 20) : 1;
            return TimeSpan.FromSeconds(Math.Max(0, usual - stay.TotalSeconds) / speed);
        }
    }

    public bool IsLate(TimeSpan stay)
    {
        lock (_lock)
            return _usual is { } usual && stay > TimeSpan.FromSeconds(3 * usual) + Grace;
    }
}
