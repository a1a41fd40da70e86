r"""
Watch, stop and resume a fit
============================

A fit reports after each epoch, stops when it no longer gains, and goes on after a kill from the
checkpoint in its folder to the same numbers.
"""

# %%
# A program and its data.

import ppgen
from ppgen.models import VAE

digits = ppgen.data.load("digits").binarized()
train, validation = digits.train.images, digits.validation.images


def make():
    return VAE.mlp(digits.image_shape, latent=8, hidden=[200])


# %%
# **Watch and stop.** ``callback`` is called with the program and the history, before training and
# after each epoch, and stops the fit if it returns True. ``patience`` stops it after so many epochs
# without a better validation bound. The program ends with the weights of the best epoch.


def report(program, history):
    epoch = history.epochs[-1]
    if epoch.number % 20 == 0:
        print(f"epoch {epoch.number}: validation bound {epoch.validation:.2f} nats")


program = make()
settings = {"lr": 5e-3, "patience": 10, "callback": report, "progress": False}
history = ppgen.fit(program, train, validation, epochs=200, **settings)
print(f"stopped after epoch {history.last}; the best is {history.best.number}")

marks = {"best epoch": history.best.number}
lines = {"training": history.column("elbo"), "validation": history.column("validation")}
ppgen.plots.curves(lines, ylabel="bound, nats an image", marks=marks)

# %%
# **Stop and resume.** With ``out``, each epoch leaves a checkpoint. ``resume=True`` goes on from it,
# or starts if there is none, so that the same command can be given again after a kill. Here, ten
# epochs and then ten more are twenty.

run = {"out": "runs/vae", "resume": True, "progress": False}
ppgen.fit(make(), train, validation, epochs=10, **run)
resumed = ppgen.fit(make(), train, validation, epochs=20, **run)
at_once = ppgen.fit(make(), train, validation, epochs=20, progress=False)
print(resumed.epochs[-1].validation, at_once.epochs[-1].validation)

# %%
# **What else is shown.** ``progress=True``, the default, shows a bar with the bound and rows a
# second. ``tensorboard=True`` writes the history to ``out/tensorboard``. Ctrl-C ends a fit as
# ``patience`` does.
#
# **If a loss is not finite**, the fit ends with a :class:`~ppgen.training.NotFiniteError`, which says
# where, and the last checkpoint stays:
#
# .. code-block:: text
#
#    NotFiniteError
#
# **Reference:** :func:`ppgen.fit`, :class:`~ppgen.training.History`,
# :class:`~ppgen.training.NotFiniteError`, :func:`ppgen.plots.curves`.
