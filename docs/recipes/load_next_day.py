r"""
Save a model, and load it the next day
======================================

:func:`ppgen.save` writes a program into one file, and :func:`ppgen.load` reads it in another
process. Nothing in such a file is executed.
"""

# %%
# A program that is fitted, and a folder for the page's files.

import subprocess
import sys
import tempfile
from pathlib import Path

import torch

import ppgen
from ppgen.models import VAE

folder = Path(tempfile.mkdtemp())
digits = ppgen.data.load("digits").binarized()
vae = VAE.mlp(digits.image_shape, latent=2, hidden=[100])
parts = digits.train.images, digits.validation.images
history = ppgen.fit(vae, *parts, epochs=15, out=folder / "run", progress=False)

# %%
# **The task, today.** A program of ppgen's own classes, with networks of ``torch.nn``, is in the
# file as a whole.

ppgen.save(vae, folder / "vae.pt")
print((folder / "vae.pt").stat().st_size // 1000, "kB")
print("bound", ppgen.elbo(vae, digits.test.images).mean)

# %%
# **The next day**, in a new process, the name of the file is all that is needed.

script = """
import ppgen

vae = ppgen.load("vae.pt")
digits = ppgen.data.load("digits").binarized()
print("bound", ppgen.elbo(vae, digits.test.images).mean)
"""
next_day = [sys.executable, "-c", script]
shown = subprocess.run(next_day, cwd=folder, capture_output=True, text=True, check=True)
print(shown.stdout)

# %%
# **The folder of a fit** (its ``out``) and **a program of my own class or functions** need a
# program that is made in the same way, which is then filled. A program that is made in another way
# raises a :class:`~ppgen.training.CheckpointError`, which names the parts that differ.

again = ppgen.load(folder / "run", VAE.mlp(digits.image_shape, latent=2, hidden=[100]))
print("bound", ppgen.elbo(again, digits.test.images).mean)

# %%
# Functions with ``pyro.param`` and autoguides make their parameters in a first run; pass data for
# it:
#
# .. code-block:: python
#
#    program = ppgen.as_program((model, AutoNormal(model)))
#    ppgen.load("regression.pt", program, data={"x": x, "y": y})
#
# **What to look at.** The three bounds are the same number. The weights are those that the fit
# ended with, of the best epoch if there are validation rows.
#
# **Trained models that come with the package** are loaded by name; :func:`ppgen.pretrained` lists
# them, with what each reaches. This one takes the label of the digit that it draws:

print(ppgen.pretrained())
pixelcnn = ppgen.load("mnist-pixelcnn")
sevens = ppgen.sample(pixelcnn, 8, torch.tensor(7), seed=0)
ppgen.plots.image_grid(sevens, columns=8, title="mnist-pixelcnn: the digit 7, eight times")

# %%
# It completes the rest of an image, given the pixels that it draws first and the label.

upper = torch.arange(28)[:, None] < 14
completed = ppgen.inference.complete(pixelcnn, sevens, upper, torch.full((8,), 7), seed=0)
rows = {"given": sevens.where(upper, torch.nan), "completed": completed.samples[0]}
ppgen.plots.image_rows(rows, "lower halves of sevens, given the upper ones")

# %%
# **Reference:** :func:`ppgen.save`, :func:`ppgen.load`, :func:`ppgen.pretrained`,
# :class:`~ppgen.training.CheckpointError`. **Next:** :doc:`watch_stop_resume`.
