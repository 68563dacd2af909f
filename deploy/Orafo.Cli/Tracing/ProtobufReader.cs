using System.Buffers.Binary;
using System.Text;

namespace Orafo.Cli.Tracing;

/// <summary>Reads one message of Protocol Buffers' wire format (protobuf.dev/programming-guides/encoding), a field at a time. Groups, which nobody uses any more, it refuses.</summary>
internal ref struct ProtobufReader(ReadOnlySpan<byte> message)
{
    private ReadOnlySpan<byte> _rest = message;

    /// <summary>The number of the field that was read last.</summary>
    public int Field { get; private set; }

    /// <summary>Its value, if it is a number: a varint, or fixed64 or fixed32 as unsigned.</summary>
    public ulong Number { get; private set; }

    /// <summary>Its value, if it has a length: text, bytes, or a message.</summary>
    public ReadOnlySpan<byte> Bytes { get; private set; }

    public readonly string Text => Encoding.UTF8.GetString(Bytes);

    /// <summary>How much of the message is left.</summary>
    public readonly int Left => _rest.Length;

    /// <summary>The next field; false at the end.</summary>
    /// <exception cref="InvalidDataException">It is no such message, or a part of one.</exception>
    public bool Next()
    {
        if (_rest.IsEmpty)
            return false;
        var key = Varint();
        Field = (int)(key >> 3);
        Number = 0;
        Bytes = default;
        switch (key & 7)
        {
            case 0:
                Number = Varint();
                return true;
            case 1:
                Number = BinaryPrimitives.ReadUInt64LittleEndian(Take(8));
                return true;
            case 2:
                Bytes = Take(Varint());
                return true;
            case 5:
                Number = BinaryPrimitives.ReadUInt32LittleEndian(Take(4));
                return true;
            default:
                throw new InvalidDataException($"A field has the wire type {key & 7}.");
        }
    }

    private ReadOnlySpan<byte> Take(ulong length)
    {
        if (length > (ulong)_rest.Length)
            throw new InvalidDataException("The message is cut off.");
        var taken = _rest[..(int)length];
        _rest = _rest[(int)length..];
        return taken;
    }

    private ulong Varint()
    {
        ulong value = 0;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var next = Take(1)[0];
            value |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
                return value;
        }

        throw new InvalidDataException("A number has more than ten bytes.");
    }
}
