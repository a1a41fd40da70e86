r"""
Watch, stop and resume a fit
============================

A fit reports after each epoch, stops when it no longer gains, and goes on after a kill from the
checkpoint in its folder to the same numbers.
"""

# %%
# A program and its data. The seed of a fit rules everything that is random in the fit, but not the
# weights that a network is made with: these come from torch's generator.

import tempfile

import torch

import ppgen
from ppgen.models import VAE

digits = ppgen.data.load("digits").binarized()
train, validation = digits.train.images, digits.validation.images


def make():
    torch.manual_seed(0)
    return VAE.mlp(digits.image_shape, latent=8, hidden=[100])


# %%
# **Watch and stop.** ``callback`` is called with the program and the history, before training and
# after each epoch, and stops the fit if it returns True. ``patience`` is the number of epochs
# without a better validation bound after which it stops. The program ends with the weights of the
# best epoch.


def report(program, history):
    epoch = history.epochs[-1]
    if epoch.number % 10 == 0:
        print(f"epoch {epoch.number}: validation bound {epoch.validation:.2f} nats")


program = make()
settings = {"lr": 1e-2, "patience": 10, "callback": report, "progress": False}
history = ppgen.fit(program, train, validation, epochs=200, **settings)
print(f"stopped after epoch {history.last}; the best is {history.best.number}")

history.plot()

# %%
# **Stop and resume.** With ``out``, a folder such as ``"runs/vae"`` and here one that is made for
# the page, each epoch leaves a checkpoint. ``resume=True`` goes on from it, or starts if there is
# none, so that the same command can be given again after a kill. Here, three epochs and then three
# more are the same six as at once. After a resume, ``callback`` is first called when the next epoch
# ends. It runs before the checkpoint is written: an epoch whose callback is killed is repeated, and
# reported twice.

run = {"out": tempfile.mkdtemp(), "resume": True, "progress": False}
ppgen.fit(make(), train, validation, epochs=3, **run)
resumed = ppgen.fit(make(), train, validation, epochs=6, **run)
at_once = ppgen.fit(make(), train, validation, epochs=6, progress=False)
print("resumed", resumed.epochs[-1].validation, "at once", at_once.epochs[-1].validation)

# %%
# **What else is shown.** ``progress=True``, the default, shows a bar with the bound and the time
# that is left; ``progress="curve"`` shows, in a notebook, the figure above as it grows.
# ``tensorboard=True`` writes the history to ``out/tensorboard``. Ctrl-C ends a fit as ``patience``
# does.
#
# **If a loss is not finite**, the fit ends with a :class:`~ppgen.training.NotFiniteError`, which
# says where, and the last checkpoint stays:
#
# .. code-block:: text
#
#    NotFiniteError: epoch 1, step 2: the loss is nan, the norm of its gradient nan; not finite are
#    log-probability of the sites: z, x; gradients of the parameters: encoder.1.weight, …; try a
#    smaller learning rate, or clip_norm; the last checkpoint is runs/vae/checkpoint.pt
#
# **What to look at.** The validation bound levels off while that of training goes on rising: the
# distance between them is overfitting. The two numbers of the resumed fit and of the other are
# equal in every digit.
#
# **Reference:** :func:`ppgen.fit`, :class:`~ppgen.training.History`,
# :class:`~ppgen.training.NotFiniteError`.
