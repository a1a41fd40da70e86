"""A PixelVAE: an autoregressive network as the likelihood inside a variational autoencoder.

How much information is left for the latent variable? The same VAE has three likelihoods: pixels
that are independent given z, a logistic regression of each pixel on those before it, and a
PixelCNN. The better a network predicts a pixel from those before it, the less the bound gains from
z, until the guide equals the prior: posterior collapse (Bowman et al. 2016, Generating sentences
from a continuous space; Chen et al. 2017, Variational lossy autoencoder).

python examples/pixelvae.py
python examples/pixelvae.py --data binarized_mnist --download --channels 32 --layers 5 --epochs 20
"""

from functools import partial

import pyro
import pyro.distributions as dist
import torch
from torch import nn

import ppgen
from ppgen import plots
from ppgen.autoregressive import FullyVisible, Independent, PixelCNN
from ppgen.distributions import Autoregressive
from ppgen.experiments import Experiment, arguments, training_arguments
from ppgen.experiments.pixel_means import pixel_means
from ppgen.models.networks import mlp_encoder
from ppgen.objectives import MeanFieldELBO

SHOWN = 25
PARTICLES = 20  # for the likelihood estimate
COLLAPSED = 1.0  # nats of KL divergence an image


class PixelVAE(ppgen.Program):
    """z ~ N(0, I); x ~ Autoregressive(network, context = decoder(z))."""

    objective = MeanFieldELBO()

    def __init__(self, network, latent, hidden):
        super().__init__()
        self.latent, self.network = latent, network
        self.encoder = mlp_encoder(network.shape, 2 * latent, [hidden], nn.ReLU)
        self.decoder = nn.Sequential(
            nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, network.context_size)
        )

    def model(self, x=None, *, n=1):
        with pyro.plate("data", n if x is None else len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(self.latent), 1.0).to_event(1))
            return pyro.sample("x", Autoregressive(self.network, self.decoder(z)), obs=x)

    def guide(self, x):
        with pyro.plate("data", len(x)):
            return pyro.sample("z", self.posterior(x))

    def posterior(self, x):
        mean, log_scale = self.encoder(x).chunk(2, -1)
        return dist.Normal(mean, log_scale.exp()).to_event(1)


@torch.no_grad()
def kl(program, x):
    """Return KL(q(z | x) || p(z)), the mean over images, in nats."""
    q = program.posterior(x.to(program.device)).base_dist
    prior = dist.Normal(torch.zeros_like(q.loc), 1.0)
    return torch.distributions.kl_divergence(q, prior).sum(-1).mean().item()


@torch.no_grad()
def drawn(program, z):
    """Draw images given latents; return the probabilities with which their pixels were drawn."""
    context = program.decoder(z)
    return pixel_means(program.network, Autoregressive(program.network, context).sample(), context)


def main() -> None:
    parser = arguments(__doc__)
    training_arguments(parser, epochs=80, quick=12, batch_size=32)
    parser.add_argument("--latent", type=int, default=8, help="dimension of z")
    parser.add_argument("--hidden", type=int, default=200, help="of encoder and decoder")
    parser.add_argument("--channels", type=int, default=16, help="feature maps of the PixelCNN")
    parser.add_argument("--layers", type=int, default=3, help="its residual blocks")
    options = parser.parse_args()
    run = Experiment("pixelvae", options)

    data = run.data.binarized()
    shape, context = data.image_shape, 32
    networks = {
        "independent": Independent(shape, context_size=context),
        "FVSBN": FullyVisible(shape, context_size=context),
        "PixelCNN": PixelCNN(
            shape, context_size=context, channels=options.channels, blocks=options.layers
        ),
    }
    shown, test = data.test.spread(SHOWN).images.float(), data.test.images.float()

    table, samples, reconstructed = {}, {}, {"test images": shown}
    for name, network in networks.items():
        program = PixelVAE(network, options.latent, options.hidden)
        history = ppgen.fit(
            program,
            data.train.images,
            data.validation.images,
            optimizer=partial(torch.optim.Adam, lr=2e-3, fused=True),
            average=0.999,
            **run.fit_options | {"out": run.folder / name},
        )
        bound, rate = ppgen.elbo(program, test, particles=5).mean, kl(program, test)
        estimate = ppgen.iwae(program, test, particles=PARTICLES)
        how = f"{PARTICLES} particles"
        run.result(f"PixelVAE, {name}", program, history, estimate, data, how=how)
        table[name] = {
            "bound": bound,
            "log-likelihood": estimate.mean,
            "KL": rate,
            "reconstruction": bound + rate,
            "collapsed": rate < COLLAPSED,
        }
        prior = torch.randn(SHOWN, options.latent, device=program.device)
        posterior = program.posterior(shown.to(program.device)).sample()
        samples[f"{name}, bound {bound:.1f}"] = drawn(program, prior)
        reconstructed[f"{name}, KL {rate:.1f}"] = drawn(program, posterior)

    print("nats an image; bound = reconstruction − KL")
    print(f"{'':24}" + "".join(f"{name:>16}" for name in list(table["PixelCNN"])[:-1]))
    for name, row in table.items():
        *numbers, collapsed = row.values()
        note = "   collapsed: z is ignored" if collapsed else ""
        print(f"{name:24}" + "".join(f"{number:16.2f}" for number in numbers) + note)
    run.report(table=table)
    title = "probabilities with which the pixels of samples were drawn"
    run.save_figure("samples", plots.image_grids(samples, title=title))
    title = "the better the likelihood, the less is left of the image in z"
    run.save_figure("reconstructions", plots.image_grids(reconstructed, title=title))
    run.finish()


if __name__ == "__main__":
    main()
