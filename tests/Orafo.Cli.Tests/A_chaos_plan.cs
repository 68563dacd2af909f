using Orafo.Cli.Disturbing;

namespace Orafo.Cli.Tests;

public sealed class A_chaos_plan
{
    [Test]
    public void Is_the_same_for_the_same_seed_and_another_one_for_another()
    {
        Operation[] plan = [.. Operation.Draw(500, seed: 7)];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Operation.Draw(500, seed: 7), Is.EqualTo(plan));
            Assert.That(Operation.Draw(500, seed: 8), Is.Not.EqualTo(plan));
            Assert.That(Operation.Draw(100, seed: 7), Is.EqualTo(plan[..100]), "a shorter one is its beginning");
        }
    }

    [Test]
    public void Has_every_kind_of_operation_with_and_without_clients_that_give_up()
    {
        var kinds = Operation.Draw(300, seed: 7).GroupBy(operation => operation.Kind).ToDictionary(group => group.Key, group => group.ToArray());
        using (Assert.EnterMultipleScope())
        {
            Assert.That(kinds.Keys, Is.EquivalentTo(Enum.GetValues<OperationKind>()));
            foreach (var kind in new[] { OperationKind.Submit, OperationKind.Cancel })
                Assert.That(kinds[kind].Select(operation => operation.GivesUpAfter is null), Does.Contain(true).And.Contain(false), $"{kind}");
        }
    }

    /// <summary>Otherwise it would wait for ever.</summary>
    [Test]
    public void Speaks_only_of_orders_that_are_placed_before_recent_ones_and_old_ones()
    {
        var (orders, agos) = (0, new List<int>());
        foreach (var operation in Operation.Draw(2000, seed: 7))
        {
            if (operation.IsNewOrder)
                Assert.That(operation.Order, Is.EqualTo(orders++));
            else
            {
                Assert.That(operation.Order, Is.InRange(0, orders - 1));
                agos.Add(orders - operation.Order);
            }
        }

        Assert.That((agos.Min(), agos.Max() > 500), Is.EqualTo((1, true)));
    }

    [Test]
    public async Task Places_every_sample_and_some_of_its_own_with_their_right_ends()
    {
        var samples = await SampleOrder.Load(CancellationToken.None);
        var files = Directory.GetFiles(Path.Combine(Repository.Root, "deploy", "samples", "orders"), "*.json").Select(Path.GetFileNameWithoutExtension);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(samples.Select(sample => sample.Name).Distinct(), Is.EquivalentTo([.. files, "good-electronic", "scarce"]));
            foreach (var sample in samples)
                Assert.That(sample.Ends[0], Is.EqualTo(sample.Name.StartsWith("bad-", StringComparison.Ordinal) ? "Rejected" : "Completed"), sample.Name);
            Assert.That(samples.Single(sample => sample.Name == "bad-quantity").Ends, Has.Count.EqualTo(1));
        }
    }
}
