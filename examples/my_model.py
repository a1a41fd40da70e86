"""A user's own generative model: write a model and a guide, then fit, evaluate and sample."""

import pyro
import pyro.distributions as dist
import torch
from torch import nn

import ppgen


class MyModel(ppgen.Program):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 100), nn.Tanh(), nn.Linear(100, 8))
        self.decoder = nn.Sequential(nn.Linear(4, 100), nn.Tanh(), nn.Linear(100, 64))

    def model(self, x=None, *, n=1):
        with pyro.plate("data", n if x is None else len(x)):
            z = pyro.sample("z", dist.Laplace(torch.zeros(4), 1.0).to_event(1))
            logits = self.decoder(z).unflatten(-1, (1, 8, 8))
            return pyro.sample("x", dist.Bernoulli(logits=logits).to_event(3), obs=x)

    def guide(self, x):
        with pyro.plate("data", len(x)):
            loc, log_scale = self.encoder(x).chunk(2, dim=-1)
            pyro.sample("z", dist.Laplace(loc, log_scale.exp()).to_event(1))


if __name__ == "__main__":
    torch.manual_seed(0)
    digits = ppgen.data.load("digits").binarized()
    program = MyModel()
    train, validation, test = digits.train.images, digits.validation.images, digits.test.images
    ppgen.fit(program, train, validation, epochs=50, out="runs/my_model", resume=True)
    print("bound", ppgen.elbo(program, test), "log-likelihood", ppgen.iwae(program, test, 100))
    means = ppgen.sample(program, 64, mean=True)
    figure = ppgen.plots.image_grid(means, title="mean images of new latents")
    figure.savefig("runs/my_model/samples.png", dpi=150)
