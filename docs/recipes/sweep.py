r"""
Try several settings, and compare them in a table
=================================================

A fit is a function of its arguments, so a grid search over hyperparameters is a loop. Settings are
chosen by the validation rows; the test rows are evaluated once, for the best.
"""

# %%
# **The task.** Two dimensions of z, or more, by two learning rates. Every program starts from the
# same seed, which is set before it is made. ``history.best`` is the epoch with the highest
# validation bound, whose weights the program has kept.

from itertools import product

import torch

import ppgen
from ppgen.models import VAE

digits = ppgen.data.load("digits").binarized()
parts = digits.train.images, digits.validation.images
rows = []
for latent, lr in product([2, 4, 8], [1e-3, 1e-2]):
    torch.manual_seed(0)
    vae = VAE.mlp(digits.image_shape, latent, hidden=[100])
    history = ppgen.fit(vae, *parts, epochs=20, lr=lr, patience=5, progress=False)
    rows.append((history.best.validation, latent, lr, history.best.number, vae))

# %%
# The table, best first.

rows.sort(key=lambda row: row[0], reverse=True)
print("latent     lr  best epoch  validation bound, nats")
for bound, latent, lr, epoch, _ in rows:
    print(f"{latent:6} {lr:6} {epoch:11} {bound:23.2f}")

best = rows[0][-1]
print("test images, by the best:", ppgen.iwae(best, digits.test.images, particles=100))

# %%
# **What to look at.** A difference counts if it is large beside the standard error of the bound
# over the validation rows, about 0.2 nats here, and beside the difference between seeds: run the
# best settings with two or three. A best epoch that is the last one, as most are here, says that
# the fit was too short.
#
# Sweeps that must survive a kill give each fit a folder, as ``out=f"runs/{latent}-{lr}"``, with
# ``resume=True``: fits that have ended return at once. :func:`ppgen.save` keeps
# the best in a file.
#
# **Reference:** :func:`ppgen.fit`, :class:`~ppgen.training.History`,
# :class:`~ppgen.training.Epoch`, :func:`ppgen.iwae`. **See also:** :doc:`watch_stop_resume`.
