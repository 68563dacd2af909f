using System.Reflection;
using System.Runtime.CompilerServices;
using MassTransit;

namespace Orafo.Persistence.Tests;

/// <summary>
/// <c>Surface.txt</c> names every public signature: those that MassTransit.EntityFrameworkCore 8.5 has too, and our own. None goes, changes or
/// comes without it.
/// </summary>
public sealed class The_surface
{
    [Test]
    public void Is_what_is_written_down()
    {
        var listed = File.ReadAllLines(Path.Combine(TestContext.CurrentContext.TestDirectory, "Surface.txt"))
            .Where(line => line.Length > 0 && line[0] != '#').ToList();
        var actual = typeof(EntityFrameworkOutboxConfigurationExtensions).Assembly.GetExportedTypes().SelectMany(Signatures).ToList();
        string[] difference =
        [
            .. listed.Except(actual, StringComparer.Ordinal).Select(line => "- " + line),
            .. actual.Except(listed, StringComparer.Ordinal).Select(line => "+ " + line),
            .. listed.GroupBy(line => line, StringComparer.Ordinal).Where(same => same.Count() > 1).Select(same => "twice: " + same.Key),
        ];

        // Sorted by name, so that a signature that changed stands beside what it was.
        Assert.That(difference, Is.Empty, () => string.Join(Environment.NewLine,
            ["Surface.txt (-) and the assembly (+) differ:", .. difference.OrderBy(line => line[2..], StringComparer.Ordinal)]));
    }

    private static IEnumerable<string> Signatures(Type type)
    {
        const BindingFlags all = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
        var isExtensions = type is { IsAbstract: true, IsSealed: true };
        if (!isExtensions)
        {
            Type?[] bases = [type.IsInterface || type.BaseType == typeof(object) ? null : type.BaseType, .. OwnInterfaces(type)];
            var kind = type.IsInterface ? "interface" : type.IsAbstract ? "abstract class" : "class";
            var baseList = string.Join(", ", bases.OfType<Type>().Select(Name).Order(StringComparer.Ordinal));
            yield return $"{type.Namespace}: {kind} {Name(type)}{(baseList.Length > 0 ? " : " + baseList : "")}";
        }

        foreach (var member in type.GetMembers(all))
        {
            var signature = member switch
            {
                MethodInfo { IsSpecialName: true } => null,
                MethodInfo method when IsVisible(method) => $"{Modifiers(method)}{Name(method.ReturnType)} {method.Name}{Generics(method)}({Parameters(method)})",
                ConstructorInfo constructor when IsVisible(constructor) && !type.IsAbstract => $"new({Parameters(constructor)})",
                PropertyInfo property when property.GetAccessors(true).Any(IsVisible) =>
                    $"{Modifiers(property.GetAccessors(true)[0])}{Name(property.PropertyType)} {property.Name} {{ {Accessors(property)} }}",
                FieldInfo { IsPublic: true } field => $"const {Name(field.FieldType)} {field.Name}",
                _ => null,
            };
            // Which static class holds an extension method is nobody's business.
            if (signature is not null)
                yield return isExtensions && member.IsDefined(typeof(ExtensionAttribute), inherit: false)
                    ? $"{type.Namespace}: {signature}"
                    : $"{type.Namespace}: {Name(type)}.{signature}";
        }
    }

    private static IEnumerable<Type> OwnInterfaces(Type type)
    {
        var inherited = type.GetInterfaces().SelectMany(i => i.GetInterfaces()).Concat(type.BaseType?.GetInterfaces() ?? []);
        return type.GetInterfaces().Except(inherited);
    }

    private static bool IsVisible(MethodBase method) => method.IsPublic || method.IsFamily;

    private static string Modifiers(MethodBase method) => (method.IsFamily ? "protected " : "") + method switch
    {
        { IsStatic: true } => "static ",
        { DeclaringType.IsInterface: true } => "",
        { IsAbstract: true } => "abstract ",
        { IsVirtual: true, IsFinal: false } => ((MethodInfo)method).GetBaseDefinition() == method ? "virtual " : "override ",
        _ => "",
    };

    private static string Accessors(PropertyInfo property)
    {
        var set = property.SetMethod?.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit)) == true ? "init;" : "set;";
        string[] accessors = [property.CanRead ? "get;" : "", property.CanWrite ? set : ""];
        return string.Join(' ', accessors.Where(accessor => accessor.Length > 0));
    }

    private static string Generics(MethodInfo method) =>
        method.IsGenericMethodDefinition ? $"<{string.Join(", ", method.GetGenericArguments().Select(Name))}>" : "";

    private static string Parameters(MethodBase method)
    {
        var isExtension = method.IsDefined(typeof(ExtensionAttribute), inherit: false);
        return string.Join(", ", method.GetParameters().Select(parameter =>
            (isExtension && parameter.Position == 0 ? "this " : parameter.IsDefined(typeof(ParamArrayAttribute)) ? "params " : "")
            + $"{Name(parameter.ParameterType)} {parameter.Name}"
            + (parameter.HasDefaultValue ? $" = {parameter.DefaultValue ?? "null"}" : "")));
    }

    private static string Name(Type type)
    {
        if (type.IsArray)
            return Name(type.GetElementType()!) + "[]";
        if (Nullable.GetUnderlyingType(type) is { } underlying)
            return Name(underlying) + "?";
        if (!type.IsGenericType)
            return Keywords.GetValueOrDefault(type, type.Name);
        return $"{type.Name[..type.Name.IndexOf('`', StringComparison.Ordinal)]}<{string.Join(", ", type.GetGenericArguments().Select(Name))}>";
    }

    private static readonly Dictionary<Type, string> Keywords = new()
    {
        [typeof(void)] = "void",
        [typeof(bool)] = "bool",
        [typeof(int)] = "int",
        [typeof(long)] = "long",
        [typeof(string)] = "string",
        [typeof(object)] = "object",
    };
}
