"""Random graphs of nodes with positions: known ones, with an exact optimum, and latent ones.

An edge has probability σ(a · x_iᵀx_j + b). With known positions, a and b are fitted by Newton's
method and by SVI, and new graphs are drawn. Real graphs (a karate club, the characters of Les
Misérables, families of Florence) get latent positions; degrees, clustering and path lengths compare
them with graphs drawn from the fit. A large graph is fitted to its edges and a sample of its pairs
without an edge.

python examples/latent_graph.py
python examples/latent_graph.py --nodes 10000
"""

import math
from functools import partial
from textwrap import fill

import networkx as nx
import numpy as np
import torch
from torch.optim import Adam
from torch.optim.lr_scheduler import CosineAnnealingLR

import ppgen
from ppgen.experiments import Experiment, arguments, sized_argument
from ppgen.inference import goodness_of_fit, maximum_likelihood
from ppgen.inference.graph_fit import distances
from ppgen.models import KnownPositionGraph, LatentPositionGraph
from ppgen.plots import COLOURS, Figure

SLOPE, INTERCEPT = 2.0, -2.0
BATCH = 1000  # edges in a step, for the large graph
DEGREE = 10  # mean degree of the large graph
REAL = {
    "karate club": nx.karate_club_graph,
    "Les Misérables": nx.les_miserables_graph,
    "Florentine families": nx.florentine_families_graph,
}


def degree_shares(graph, largest):
    """Return the share of the nodes that have each degree 0 … ``largest``."""
    degrees = [degree for _, degree in graph.degree]
    return np.bincount(degrees, minlength=largest + 1)[: largest + 1] / len(graph)


def path_length_shares(graph, longest):
    """Return the share of the pairs of nodes at each distance 1 … ``longest``."""
    lengths = distances(graph)
    connected = lengths[np.isfinite(lengths)].astype(int)
    return np.bincount(connected, minlength=longest + 1)[1 : longest + 1] / len(lengths)


def fit(program, data, epochs, batch_size=None, **options):
    """Fit by SVI and return the history."""
    return ppgen.fit(
        program,
        data,
        epochs=epochs,
        batch_size=batch_size or len(data[0]),
        optimizer=partial(Adam, lr=0.05),
        scheduler=partial(CosineAnnealingLR, T_max=epochs),
        device="cpu",  # tiny, and compared with numpy
        progress=False,
        **options,
    )


def simulated(nodes, slope, intercept):
    """Return a program with Gaussian positions and these parameters."""
    truth = KnownPositionGraph(torch.randn(nodes, 2).double()).double()
    with torch.no_grad():
        truth.slope.fill_(slope)
        truth.intercept.fill_(intercept)
    return truth


def known_positions(run, nodes, epochs):
    """Fit a and b by Newton and by SVI, and draw new graphs."""
    truth = simulated(nodes, SLOPE, INTERCEPT)
    graph = truth.draw()
    by_newton, by_svi = (KnownPositionGraph(truth.known).double() for _ in range(2))
    data = by_newton.observations(graph)
    found = maximum_likelihood(by_newton, data)
    fit(by_svi, data, epochs)
    errors = found.standard_errors
    run.report(
        "A simulated graph of {simulated_edges} edges: slope {slope_by_newton:.3f} by Newton in "
        "{newton_iterations} steps, {slope_by_svi:.3f} by SVI,\n± {slope_standard_error:.3f}; "
        "intercept {intercept_by_newton:.3f} and {intercept_by_svi:.3f}, "
        "± {intercept_standard_error:.3f}.",
        simulated_edges=graph.number_of_edges(),
        slope_by_newton=by_newton.slope.item(),
        slope_by_svi=by_svi.slope.item(),
        slope_standard_error=errors["slope"].item(),
        intercept_by_newton=by_newton.intercept.item(),
        intercept_by_svi=by_svi.intercept.item(),
        intercept_standard_error=errors["intercept"].item(),
        newton_iterations=found.maximum.iterations,
        gradient_norm=found.maximum.gradient_norm,
        log_likelihood=found.log_likelihood,
    )
    panels = {"data": graph, **{f"new graph {i}": by_newton.draw() for i in (1, 2)}}
    figure = Figure((12, 4.6))
    for axes, (title, panel) in zip(figure.subplots(1, 3), panels.items(), strict=True):
        draw_graph(axes, panel, truth.known.numpy())
        axes.set(title=f"{title}: {panel.number_of_edges()} edges", xlabel="$x_1$", ylabel="$x_2$")
    figure.suptitle("known positions: the fitted program draws graphs like the data")
    run.save_figure("new_graphs", figure)
    return by_newton, graph


def draw_graph(axes, graph, places, colors=COLOURS[0]):
    where = dict(zip(graph, places, strict=True))
    faint = min(0.5, 60 / graph.number_of_edges())  # many edges at once hide the nodes
    nx.draw_networkx_edges(graph, where, ax=axes, width=0.5, alpha=faint)
    nx.draw_networkx_nodes(graph, where, ax=axes, node_size=24, node_color=colors)
    axes.set_aspect("equal", adjustable="datalim")
    axes.tick_params(left=True, bottom=True, labelleft=True, labelbottom=True)


def name_nodes(axes, graph, places, most=15):
    """Write the names of the nodes with most edges, each on the side with most room."""
    size = np.ptp(places) * np.array([0.22, 0.05])  # of a name
    sides = size * np.array([[0, 1], [0, -1], [0.7, 0], [-0.7, 0], [0.6, 1], [-0.6, 1]])
    nodes, taken = list(graph), places
    for i in sorted(range(len(nodes)), key=lambda i: -graph.degree[nodes[i]])[:most]:
        around, others = places[i] + sides, np.delete(taken, i, axis=0)
        room = (np.abs(around[:, None] - others) / size).max(-1).min(1)
        taken = np.append(taken, around[[room.argmax()]], axis=0)
        axes.text(*taken[-1], nodes[i], fontsize=9, ha="center", va="center")


def latent_positions(run, epochs):
    """Fit latent positions of real graphs; return programs and graphs by name."""
    fitted = {}
    figure = Figure((12, 4.7))
    for axes, (name, make) in zip(figure.subplots(1, 3), REAL.items(), strict=True):
        graph = make()
        program = LatentPositionGraph.from_graph(graph)
        x, pairs = program.observations(graph)
        fit(program, (x, pairs), epochs)
        bound = len(x) * ppgen.elbo(program, (x, pairs), particles=100).mean
        share = x.mean().item()
        entropy = share * math.log(share) + (1 - share) * math.log(1 - share)
        deviation = program.posterior().stddev.mean().item()
        run.report(
            f"{name}: {len(graph)} nodes, {graph.number_of_edges()} edges; ELBO {bound:.1f} nats, "
            f"where one probability for all edges has {len(x) * entropy:.1f}.",
            **{
                f"{name}, nodes and edges": [len(graph), graph.number_of_edges()],
                f"{name}, ELBO": bound,
                f"{name}, log-likelihood of edges alike": len(x) * entropy,
                f"{name}, slope and intercept": [program.slope.item(), program.intercept.item()],
                f"{name}, mean deviation of the positions": deviation,
            },
        )
        clubs = [graph.nodes[node].get("club", "") for node in graph]
        numbers = {club: number for number, club in enumerate(dict.fromkeys(clubs))}
        colors = [COLOURS[numbers[club]] for club in clubs]
        places = program.mean.detach().numpy()
        draw_graph(axes, graph, places, colors)
        if isinstance(next(iter(graph)), str):
            name_nodes(axes, graph, places, most=15 if len(graph) < 20 else 8)
        for club, number in numbers.items():
            axes.scatter([], [], s=18, color=COLOURS[number], label=club)
        if len(numbers) > 1:
            axes.legend(title="club", loc="lower left")
        axes.set(title=f"{name}, ± {deviation:.2f}", xlabel="$x_1$", ylabel="$x_2$")
        axes.margins(0.15)
        fitted[name] = program, graph
    figure.suptitle("latent positions find groups; shown are posterior means, the prior is 0 ± 1")
    run.save_figure("positions", figure)
    return fitted


def check_fit(run, fitted, draws):
    """Compare each graph with new graphs drawn from its program."""
    figure = Figure((12, 6.5))
    panels = dict(zip(REAL, figure.subplots(2, len(REAL)).T, strict=True))
    for name, (program, graph) in fitted.items():
        new = [program.draw() for _ in range(draws)]
        fit = goodness_of_fit(graph, new)
        said = [
            f"{each} {fit.observed[each]:.3g} (p = {p:.2g})" for each, p in fit.p_values.items()
        ]
        said = fill(f"{name}: {', '.join(said)}.", 100, subsequent_indent="  ")
        run.report(said, **{f"{name}, p-values": fit.p_values})
        if name in panels:
            above, below = panels[name]
            above.set_title(name)
            most = int(max(fit.observed["largest degree"], fit.drawn["largest degree"].max()))
            draw_band(above, degree_shares, graph, new, most, "degree", "share of nodes")
            draw_band(below, path_length_shares, graph, new, 8, "path length", "share of pairs")
    figure.suptitle("outside the band the data differ from graphs that the fitted program draws")
    figure.legend(*above.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    run.save_figure("goodness_of_fit", figure)


def draw_band(axes, shares, graph, new, most, xlabel, ylabel):
    observed = shares(graph, most)
    low, middle, high = np.quantile([shares(g, most) for g in new], [0.025, 0.5, 0.975], axis=0)
    values = np.arange(most + 1)[-len(observed) :]
    axes.fill_between(values, low, high, color=COLOURS[1], alpha=0.3, label="95 % of new graphs")
    axes.plot(values, middle, color=COLOURS[1])
    axes.plot(values, observed, "k.-", label="data")
    axes.set(xlabel=xlabel, ylabel=ylabel)


def large_graph(run, nodes, steps):
    """Fit latent positions to the edges and a sample of the pairs without an edge."""
    truth = simulated(nodes, 1.0, 0.0)
    some = torch.randint(nodes, (100_000, 2))
    some = some[some[:, 0] != some[:, 1]]
    wanted = DEGREE / (nodes - 1)
    low, high = -50.0, 50.0
    while high - low > 1e-3:
        with torch.no_grad():
            truth.intercept.fill_((low + high) / 2)
        middle = truth.intercept.item()
        too_many = truth.edge(truth.known, some).probs.mean() > wanted
        low, high = (low, middle) if too_many else (middle, high)
    graph = truth.draw()
    program = LatentPositionGraph.from_graph(graph, controls=5)
    data = program.observations(graph)
    epochs = math.ceil(steps * BATCH / len(data[0]))
    history = fit(program, data, epochs, batch_size=min(BATCH, len(data[0])))
    similarity = [
        (places[some[:, 0]] * places[some[:, 1]]).sum(1).float()
        for places in (program.mean.detach(), truth.known)
    ]
    seconds = [epoch.seconds for epoch in history.epochs[1:]]
    run.report(
        "A large graph, {large_graph_nodes} nodes and {large_graph_edges} edges: "
        "{large_graph_seconds_an_epoch:.2f} s an epoch; similarities correlate with the true ones "
        "by {large_graph_correlation_of_similarities:.2f}.",
        large_graph_nodes=nodes,
        large_graph_edges=graph.number_of_edges(),
        large_graph_seconds_an_epoch=sum(seconds) / len(seconds),
        large_graph_elbo_an_edge=history.epochs[-1].elbo,
        large_graph_correlation_of_similarities=torch.corrcoef(torch.stack(similarity))[
            0, 1
        ].item(),
    )


def main() -> None:
    parser = arguments(__doc__, datasets=False)
    sized_argument(parser, "--epochs", 1500, 300, "of SVI")
    sized_argument(parser, "--draws", 500, 60, "new graphs")
    sized_argument(parser, "--nodes", 5000, 500, "of the large graph")
    options = parser.parse_args()
    fewest = 2 * DEGREE + 1  # then half of the pairs have an edge
    if options.nodes is not None and options.nodes < fewest:
        parser.error(f"--nodes is {options.nodes}; expected {fewest} or more")
    run = Experiment("latent_graph", options)
    fitted = {"simulated": known_positions(run, nodes=50, epochs=options.epochs)}
    fitted |= latent_positions(run, options.epochs)
    check_fit(run, fitted, options.draws)
    large_graph(run, options.nodes, steps=800 if options.quick else 4000)
    run.finish()


if __name__ == "__main__":
    main()
