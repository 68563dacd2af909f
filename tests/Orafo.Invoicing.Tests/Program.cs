using Orafo.Invoicing.Documents;
using Orafo.Invoicing.Tests.Documents;

// A process of its own that renders an example and writes the PDF to its output: tests compare it with what theirs renders.
await using var output = Console.OpenStandardOutput();
await output.WriteAsync(PdfDocument.Render(Examples.All[args[0]]));
