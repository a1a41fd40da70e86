"""The graphs of Pyro programs, and the independencies that they imply.

python examples/program_graph.py
"""

import pyro
import pyro.distributions as dist
import torch

from ppgen.experiments import Experiment, arguments
from ppgen.graph import DAG
from ppgen.models import VAE, HierarchicalVAE, SigmoidBeliefNet


def mixture(data):
    """Draw Gaussian clusters of points, all parameters with priors."""
    weights = pyro.sample("weights", dist.Dirichlet(torch.ones(3)))
    with pyro.plate("clusters", 3):
        centre = pyro.sample("centre", dist.Normal(0.0, 5.0))
        scale = pyro.sample("scale", dist.LogNormal(0.0, 1.0))
    with pyro.plate("points", len(data)):
        cluster = pyro.sample("cluster", dist.Categorical(weights))
        pyro.sample("x", dist.Normal(centre[cluster], scale[cluster]), obs=data)


def belief_net(data):
    """Draw two layers of hidden causes and six visible effects, one site for each unit."""
    top = [pyro.sample(f"h{i}", dist.Bernoulli(0.5)) for i in (1, 2)]
    middle = [
        pyro.sample(f"z{i}", dist.Bernoulli(logits=2 * sum(parents) - 1))
        for i, parents in enumerate((top[:1], top, top[1:]), start=1)
    ]
    for i, value in enumerate(data):
        parents = middle[i // 2 : i // 2 + 1] if i % 2 else middle[max(0, i // 2 - 1) : i // 2 + 1]
        pyro.sample(f"x{i + 1}", dist.Bernoulli(logits=2 * sum(parents) - 1), obs=value)


def main() -> None:
    options = arguments(__doc__, datasets=False).parse_args()
    run = Experiment("program_graph", options)

    graphs = {
        "vae": DAG.from_program(VAE.mlp((1, 8, 8), latent=2)),
        "hierarchical_vae": DAG.from_program(HierarchicalVAE.mlp((1, 8, 8), latent=2)),
        "deep_belief_net": DAG.from_program(SigmoidBeliefNet((1, 8, 8), latents=(20, 10, 5))),
        "mixture": DAG.from_program(mixture, torch.randn(10)),
        "belief_net": DAG.from_program(belief_net, torch.ones(6)),
    }
    for name, dag in graphs.items():
        statements = [str(statement) for statement in dag.basis_independencies()]
        print(f"{name}: {dag.factorisation()}")
        for statement in statements[:8]:
            print(f"  {statement}")
        run.save_figure(name, dag.draw(title=name.replace("_", " ")))
        run.report(
            "",
            **{
                f"{name}_nodes": len(dag.nodes),
                f"{name}_factorisation": dag.factorisation(),
                f"{name}_independencies": statements,
            },
        )
    # Given an effect, its causes depend on each other: explaining away.
    net = graphs["belief_net"]
    explanation = net.explain("h1", "h2", given="x3")
    print(explanation)
    path = explanation.trails[0].nodes
    run.save_figure(
        "explaining_away",
        net.draw(highlight=path, given="x3", title="x3 makes its causes dependent"),
    )
    apart = {True: "independent", False: "dependent"}
    run.report(
        f"h1 and h2 are {apart[net.d_separated('h1', 'h2')]}, and "
        f"{apart[net.d_separated('h1', 'h2', 'x3')]} given x3.",
        hidden_causes_independent=net.d_separated("h1", "h2"),
        hidden_causes_independent_given_x3=net.d_separated("h1", "h2", "x3"),
    )
    run.finish()


if __name__ == "__main__":
    main()
