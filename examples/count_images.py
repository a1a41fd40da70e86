"""Binary images whose probability depends only on the number of their black pixels.

A pixel of value 1 is black. The script enumerates all 512 images of 3×3 pixels, draws images of
28×28 by the same code, and learns the weights of the counts from real images.

python examples/count_images.py
python examples/count_images.py --data binarized_mnist --download
"""

from math import comb, prod

import pyro
import torch
from torch import nn
from torch.optim import Rprop

import ppgen
from ppgen import plots
from ppgen.distributions import CountImages, all_images
from ppgen.experiments import Experiment, arguments, training_arguments

SMALL, LARGE = (1, 3, 3), (1, 28, 28)
READINGS = {
    "P(count) ∝ count": CountImages.counts_proportional,
    "p(image) ∝ count": CountImages.images_proportional,
}


class Counts(ppgen.Program):
    """Learn the weights of the counts. Nothing is latent, so SVI is maximum likelihood."""

    def __init__(self, image_shape):
        super().__init__()
        self.image_shape = image_shape
        self.logits = nn.Parameter(torch.zeros(prod(image_shape) + 1))

    def model(self, x=None, *, n=1):
        with pyro.plate("data", n if x is None else len(x)):
            return pyro.sample("x", CountImages(self.image_shape, logits=self.logits), obs=x)


def main() -> None:
    parser = arguments(__doc__)
    training_arguments(parser, epochs=100, quick=100)
    run = Experiment("count_images", parser.parse_args())

    # 3×3: two ways in which the probability grows with the number of black pixels.
    small = {name: reading(SMALL, torch.float64) for name, reading in READINGS.items()}
    print("black pixels, their images, and probabilities of the count and of each of its images")
    print("           " + "".join(f"{name:>24}" for name in small))
    for k in range(10):
        weights = [p.weights[k].item() for p in small.values()]
        columns = "".join(f"{w:>12.4f}{w / comb(9, k):>12.6f}" for w in weights)
        print(f"{k:>4}{comb(9, k):>7}{columns}")
    sums = {name: p.log_prob(all_images(SMALL)).exp().sum().item() for name, p in small.items()}

    # Plots show a pixel of value 1 as black.
    five = {name: 1 - p.sample((5,)) for name, p in small.items()}
    run.save_figure("samples_3x3", plots.image_rows(five, "samples of 3×3 pixels"))
    large = {name: 1 - reading(LARGE).sample((16,)) for name, reading in READINGS.items()}
    title = "28×28: nearly all images, but not nearly all counts, are half black"
    run.save_figure("samples_28x28", plots.image_grids(large, title=title))

    # Real images: maximum likelihood in closed form is the share of images that have each count.
    data = run.data.binarized()
    x = data.train.images
    frequencies = x.flatten(1).sum(1).bincount(minlength=x[0].numel() + 1) / len(x)
    model = Counts(data.image_shape)
    history = ppgen.fit(
        model,
        x,
        batch_size=len(x),  # gradients without noise, since Rprop uses only their signs
        optimizer=Rprop,  # moves the logits of counts never seen to −∞ in few steps
        **run.fit_options,
    )
    fitted = model.logits.detach().cpu().softmax(0)
    seen = frequencies > 0
    optimum = CountImages(data.image_shape, frequencies).log_prob(x).mean().item()

    figure = plots.Figure((6, 4))
    axes = figure.add_subplot(
        xlabel="black pixels of an image",
        ylabel="probability",
        title="SVI finds the share of images with each count",
    )
    edges = torch.arange(len(fitted) + 1) - 0.5
    axes.stairs(frequencies, edges, fill=True, color="lightgrey", label="share of the images")
    axes.stairs(fitted, edges, label="weights by SVI")
    axes.set_xlim(0, 1.1 * seen.nonzero().max())
    axes.legend()
    run.save_figure("counts", figure)
    real_and_drawn = {
        "images": 1 - x[:16].float(),
        "samples": 1 - ppgen.sample(model, 16, seed=0).cpu(),
    }
    title = "a count of black pixels is no shape"
    run.save_figure("samples_learned", plots.image_grids(real_and_drawn, title=title))

    run.report(
        "The probabilities of all 512 images sum to 1, up to {largest_error_of_the_sum:.0e}.\n"
        "Maximum likelihood of the weights, nats an image: {closed_form_log_likelihood:.4f} in "
        "closed form, {svi_log_likelihood:.4f} by SVI.\n"
        "Weights differ by {largest_relative_error_of_a_weight:.1e} of their value at most; counts "
        "never seen get {weight_of_counts_never_seen:.0e} in all.",
        sum_of_512_probabilities=sums,
        largest_error_of_the_sum=max(abs(total - 1) for total in sums.values()),
        closed_form_log_likelihood=optimum,
        svi_log_likelihood=ppgen.elbo(model, x).mean,
        largest_relative_error_of_a_weight=((fitted / frequencies - 1)[seen]).abs().max().item(),
        weight_of_counts_never_seen=fitted[~seen].sum().item(),
        history=history.to_list(),
    )
    run.finish()


if __name__ == "__main__":
    main()
