"""Masks that make a perceptron autoregressive, for four inputs in the order x2, x4, x1, x3.

python examples/made_masks.py
python examples/made_masks.py --ordering 3 1 2 5 4 --hidden 8 8
"""

import torch
from torch import nn

from ppgen.autoregressive import MADE, masks
from ppgen.experiments import Experiment, arguments
from ppgen.plots import COLOURS, Figure


def main() -> None:
    parser = arguments(__doc__, datasets=False)
    parser.add_argument("--ordering", type=int, nargs="+", default=[2, 4, 1, 3], metavar="NUMBER")
    parser.add_argument("--hidden", type=int, nargs="+", default=[6], help="hidden layer sizes")
    options = parser.parse_args()
    run = Experiment("made_masks", options)

    ordering = [number - 1 for number in options.ordering]
    inputs = len(ordering)
    try:
        network = MADE(
            (1, 1, inputs),
            ordering=ordering,
            hidden=options.hidden,
            direct=False,
            activation=nn.Tanh,
        )
    except ValueError as error:
        raise SystemExit(str(error)) from error
    before = [f"x{number}" for number in options.ordering]
    factors = [f"p({x}{' | ' * bool(i)}{', '.join(before[:i])})" for i, x in enumerate(before)]
    print("p(x) =", " ".join(factors))

    # A unit of degree d depends on the first d inputs of the ordering. An input's degree is its
    # place.
    degrees = network.degrees[0].split([inputs, *options.hidden])
    layers = masks(ordering, degrees[1:])
    names = [
        [f"x{number + 1}" for number in range(inputs)],
        *(
            [f"h{unit + 1}" for unit in range(size)]
            if len(options.hidden) == 1
            else [f"h{layer}.{unit + 1}" for unit in range(size)]
            for layer, size in enumerate(options.hidden, start=1)
        ),
        [f"p{number + 1}" for number in range(inputs)],
    ]
    for number, mask in enumerate(layers):
        print_mask(mask, names[number], names[number + 1], degrees[number])
    run.save_figure("network", draw_network(layers, names, [*degrees, degrees[0]]))
    run.save_figure("masks", draw_masks(layers, names))

    jacobian = largest_jacobian(network, draws=10 if options.quick else 100)
    in_order = jacobian[ordering][:, ordering]
    allowed = torch.ones(inputs, inputs, dtype=torch.bool).tril(-1)
    run.save_figure("jacobian", draw_jacobian(in_order, before))
    connected = in_order[allowed].min().item() if inputs > 1 else None
    run.report(
        "Derivatives of outputs by inputs that come later are {largest_forbidden_entry:g}"
        + ("." if connected is None else f"; by earlier ones, {connected:.2f} or more."),
        factorisation=" ".join(factors),
        degrees=[layer.tolist() for layer in degrees],
        masks=[mask.int().tolist() for mask in layers],
        largest_forbidden_entry=in_order[~allowed].max().item(),
        smallest_allowed_entry=connected,
    )
    run.finish()


def largest_jacobian(network, draws):
    """Return the largest |∂ output / ∂ input| of each pair over random weights and inputs."""
    largest = torch.zeros(network.pixels, network.pixels)
    for _ in range(draws):
        for parameter in network.parameters():
            parameter.data.normal_()
        x = torch.randn(network.pixels)
        outputs = torch.autograd.functional.jacobian(
            lambda x: network(x.view(1, *network.shape)).flatten(), x
        )
        largest = torch.maximum(largest, outputs.abs())
    return largest


def print_mask(mask, below, above, degrees):
    """Print a mask as a table with a row for each unit of the layer above."""
    print("\n" + "".join(f"{name:>6}" for name in ["", *below]))
    for name, row in zip(above, mask.int().tolist(), strict=True):
        print("".join(f"{cell:>6}" for cell in [name, *row]))
    print("degree" + "".join(f"{degree:>6}" for degree in degrees.tolist()))


def draw_network(layers, names, degrees):
    """Draw all units with name and degree, sorted by degree, and the unmasked connections."""
    figure = Figure((1.1 * max(map(len, names)) + 1, 1.7 * len(layers) + 1))
    axes = figure.add_subplot()
    places = [layer.argsort(stable=True).argsort() - (len(layer) - 1) / 2 for layer in degrees]
    for height, mask in enumerate(layers):
        for above, below in mask.nonzero().tolist():
            ends = places[height][below], places[height + 1][above]
            axes.plot(ends, (height, height + 1), color=COLOURS[0], alpha=0.6, zorder=1)
    for height, layer in enumerate(places):
        axes.scatter(layer, [height] * len(layer), s=900, color="white", edgecolor="black")
        for place, name, degree in zip(layer, names[height], degrees[height], strict=True):
            axes.text(place, height, f"{name}\n{degree}", ha="center", va="center")
    axes.set(title="units, each with its degree, and their connections", xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.margins(0.12)
    return figure


def draw_masks(layers, names):
    """Plot the masks as matrices, with kept connections dark."""
    sizes = [len(mask) for mask in layers], [mask.shape[1] for mask in layers]
    figure = Figure((0.5 * sum(sizes[1]) + 2, 0.5 * max(sizes[0]) + 1.9))
    figure.suptitle("connections that the masks keep are dark")
    panels = figure.subplots(1, len(layers), squeeze=False, width_ratios=sizes[1])[0]
    for number, (axes, mask) in enumerate(zip(panels, layers, strict=True)):
        draw_matrix(axes, mask.float(), names[number], names[number + 1])
        axes.set(title=f"mask {number + 1}", xlabel="from", ylabel="to")
    return figure


def draw_jacobian(jacobian, names):
    """Plot which outputs change with which inputs, both in drawing order."""
    figure = Figure((5.2, 4))
    axes = figure.add_subplot(
        xlabel="input", ylabel="output of", title="each output depends on earlier inputs alone"
    )
    image = draw_matrix(axes, jacobian, names, names)
    figure.colorbar(image, label="largest |derivative|")
    return figure


def draw_matrix(axes, matrix, across, down):
    """Plot a matrix with names along its sides."""
    axes.set_xticks([place + 0.5 for place in range(len(across))], across)
    axes.set_yticks([place + 0.5 for place in range(len(down))], down)
    axes.set_aspect("equal")
    axes.invert_yaxis()
    return axes.pcolormesh(matrix.numpy(), cmap="Blues", vmin=0, edgecolor="grey", linewidth=0.5)


if __name__ == "__main__":
    main()
