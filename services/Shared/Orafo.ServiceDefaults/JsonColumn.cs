using System.Collections;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Orafo.ServiceDefaults;

/// <summary>Values that are stored whole, as JSON.</summary>
/// <remarks>As <c>json</c>, which keeps the text; <c>jsonb</c> is taken apart when it is written and put together again when it is read.</remarks>
public static class JsonColumnExtensions
{
    /// <summary>Stores the value as <c>json</c>. It is replaced, never changed in place: a reference that stayed the same is not written.</summary>
    public static PropertyBuilder<T> HasJson<T>(this PropertyBuilder<T> property)
    {
        property.HasColumnType("json").HasConversion(
            value => JsonColumn.ToJson(value),
            json => JsonSerializer.Deserialize<T>(json, JsonSerializerOptions.Web)!,
            SameReference<T>());
        return property;
    }

#nullable disable annotations // For lists that may be null and lists that may not.
    /// <summary>The same for a list. Its JSON is read when somebody looks into it.</summary>
    public static PropertyBuilder<IReadOnlyList<T>> HasJson<T>(this PropertyBuilder<IReadOnlyList<T>> property)
#nullable restore annotations
    {
        property.HasColumnType("json").HasConversion(list => JsonColumn.ToJson(list), json => new JsonList<T>(json), SameReference<IReadOnlyList<T>>());
        return property;
    }

    private static ValueComparer<T> SameReference<T>() => new((a, b) => ReferenceEquals(a, b), value => value == null ? 0 : value.GetHashCode(), value => value);

    /// <summary>A list as it was read from the database.</summary>
    internal sealed class JsonList<T>(string json) : IReadOnlyList<T>
    {
        private T[]? _items;

        public string Json => json;
        public int Count => Items.Length;
        public T this[int index] => Items[index];
        private T[] Items => _items ??= JsonSerializer.Deserialize<T[]>(json, JsonSerializerOptions.Web)!;

        public IEnumerator<T> GetEnumerator() => ((IEnumerable<T>)Items).GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}

/// <summary>The text that such a column keeps.</summary>
public static class JsonColumn
{
    public static string ToJson<T>(T value) => JsonSerializer.Serialize(value, JsonSerializerOptions.Web);

    /// <summary>What was read is written as it was.</summary>
    public static string ToJson<T>(IReadOnlyList<T> list) =>
        list is JsonColumnExtensions.JsonList<T> stored ? stored.Json : JsonSerializer.Serialize(list, JsonSerializerOptions.Web);
}
