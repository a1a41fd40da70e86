r"""
Cheat sheet: which call answers which question
==============================================

``program`` is anything that :func:`ppgen.as_program` accepts, ``data`` its arguments: a tensor, a
tuple, a dict by keyword. Images are ``(batch, channel, height, width)``. Results are nats a row.

:download:`On one page, as PDF </cheat_sheet.pdf>`
"""

# %%
# **Make, fit, keep**
#
# .. list-table::
#    :widths: 50 50
#
#    * - Which ready-made models are there?
#      - :mod:`ppgen.models`, :mod:`ppgen.autoregressive`, :func:`ppgen.pretrained`
#    * - How do I use my own model and guide?
#      - a subclass of :class:`ppgen.Program`, or ``ppgen.as_program((model, guide))``
#    * - Which data come with the package?
#      - ``ppgen.data.load("digits")``, see :func:`ppgen.data.load`
#    * - Fit by variational inference, or by maximum likelihood if nothing is latent
#      - ``ppgen.fit(program, train, validation, epochs=50)``: :func:`ppgen.fit`
#    * - Fit a few parameters exactly, with standard errors
#      - :func:`ppgen.inference.maximum_likelihood`
#    * - How did the fit go?
#      - ``history.plot()``, ``history.best``: :class:`~ppgen.training.History`
#    * - Keep it, and get it back
#      - ``ppgen.save(program, "vae.pt")``, ``ppgen.load("vae.pt")``: :func:`ppgen.load`
#
# **How good is it?**
#
# .. list-table::
#    :widths: 50 50
#
#    * - log p of held-out rows, with a standard error
#      - latents of each row: ``ppgen.iwae(program, test, 100)``; latents that rows share:
#        ``ppgen.log_predictive(program, test)``; none, or all summed out:
#        ``ppgen.elbo(program, test)``, exact
#    * - A lower bound on log p(x), fast
#      - ``ppgen.elbo(program, test)``: :func:`ppgen.elbo`
#    * - A closer bound, by importance weights
#      - ``ppgen.iwae(program, test, particles=100)``: :func:`ppgen.iwae`
#    * - A bound that does not lean on the guide, slow
#      - :func:`ppgen.inference.ais`
#    * - If rows share latents: the posterior predictive density
#      - ``ppgen.log_predictive(program, test, draws=200)``: :func:`ppgen.log_predictive`
#    * - Log-likelihood of each row, mean, standard error
#      - ``.each``, ``.mean``, ``.standard_error`` of an :class:`~ppgen.inference.Estimate`: ± is
#        over rows
#    * - Likelihoods of different kinds in one unit
#      - ``likelihood.bits_per_pixel(…)``: :class:`~ppgen.likelihoods.Likelihood`
#    * - Does a batch come from where the held-out images come from?
#      - :class:`~ppgen.inference.BatchTest`
#
# **What does it say?**
#
# .. list-table::
#    :widths: 50 50
#
#    * - New rows
#      - ``ppgen.sample(program, 64)``: :func:`ppgen.sample`
#    * - New rows given labels or other arguments
#      - ``ppgen.sample(program, len(labels), labels)``
#    * - New outcomes at given inputs
#      - ``ppgen.predict(program, {"x": x}, draws=100)["y"]``: :func:`ppgen.predict`
#    * - Latents given data
#      - ``ppgen.posterior(program, data, draws=100)["z"]``: :func:`ppgen.posterior`
#    * - Images through their latents
#      - ``ppgen.reconstruct(program, x, mean=True)``: :func:`ppgen.reconstruct`
#    * - Latents of a VAE as mean and standard deviation, and back
#      - ``vae.encode(x)``, ``vae.decode(z)``: :class:`~ppgen.models.VAE`
#    * - Missing pixels given the others
#      - ``complete(program, x, observed)``: :func:`ppgen.inference.complete`
#    * - Latents of each image without the encoder; the encoder's gap
#      - ``fit_latents(program, x, start="guide").gap``: :func:`ppgen.inference.fit_latents`
#
# **Show it**
#
# .. list-table::
#    :widths: 50 50
#
#    * - Images in a grid; several grids; rows with names
#      - :func:`ppgen.plots.image_grid`, :func:`ppgen.plots.image_grids`,
#        :func:`ppgen.plots.image_rows`
#    * - Images beside their reconstructions
#      - :func:`ppgen.plots.reconstructions`
#    * - Curves of a fit, or any others
#      - :func:`ppgen.plots.curves`
#    * - Latents by class; mean images over a plane of latents
#      - :func:`ppgen.plots.scatter`, :func:`ppgen.plots.manifold`
#
# **Ask a graph**, ``dag = DAG("x -> m -> y; z -> x; z -> y")`` of :class:`~ppgen.graph.DAG`
#
# .. list-table::
#    :widths: 50 50
#
#    * - The graph of a Pyro program, of a file; its picture
#      - ``DAG.from_program(program)``, ``DAG.read("graph.dot")``, ``dag.draw()``
#    * - Does it factorise, and how?
#      - ``dag.factorisation()``; a cycle raises a :class:`~ppgen.graph.GraphError` that names it
#    * - Are x and y independent given z, and why not?
#      - ``dag.d_separated("x", "y", given="z")``, ``dag.explain("x", "y", "z")``
#    * - What makes them independent?
#      - ``dag.minimal_separator("x", "y")``, ``dag.minimal_separators("x", "y")``
#    * - All independencies
#      - ``dag.basis_independencies()`` and others, see :doc:`independencies_latex`
#    * - Do they hold in data?
#      - ``dag.test(frame)``
#    * - What screens a node off from all others?
#      - ``dag.markov_blanket("m")``
#    * - Which other graphs imply the same?
#      - ``dag.cpdag()``, ``dag.equivalent(other)``
#    * - What to adjust for, if the effect of x on y is asked for?
#      - ``dag.adjustment_set("x", "y")``, ``dag.explain_adjustment("x", "y", "z")``
#    * - Instruments, front doors, interventions
#      - ``dag.instruments("x", "y")``, ``dag.front_door_set("x", "y")``, ``dag.do("x")``
#
# **Some of each**, to try out. The images are drawn by the model itself.

import torch

import ppgen
from ppgen.graph import DAG

vae = ppgen.load("mnist-vae")
x, left = ppgen.sample(vae, 8, seed=1), torch.arange(28) < 14

print("bound", ppgen.elbo(vae, x), "closer", ppgen.iwae(vae, x, particles=100))
print(DAG.from_program(vae).factorisation())
rows = {
    "drawn images": x,
    "reconstructions": ppgen.reconstruct(vae, x, mean=True, seed=0),
    "left halves completed": ppgen.inference.complete(vae, x, left, particles=10, seed=0).mean,
    "means of new images": ppgen.sample(vae, 8, mean=True, seed=0),
}
ppgen.plots.image_rows(rows)
