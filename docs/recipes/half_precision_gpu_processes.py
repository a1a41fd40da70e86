r"""
Half precision, GPUs, several processes, compiled steps
=======================================================

Four options of :func:`ppgen.fit` for speed. None of them needs another program.
"""

# %%
# **The task.** ``bfloat16=True`` lets networks compute in half precision, while parameters and
# log-probabilities stay in float32. ``device="auto"``, the default, takes a GPU if there is one;
# data in memory is moved there with the program. The same lines run anywhere.

import ppgen
from ppgen.models import VAE

digits = ppgen.data.load("digits").binarized()
train, validation = digits.train.images, digits.validation.images
vae = VAE.mlp(digits.image_shape, latent=8, hidden=[100])
ppgen.fit(vae, train, validation, epochs=10, device="auto", bfloat16=True, progress=False)
print("device", vae.device, "type of the parameters", vae.dtype)
print("bound", ppgen.elbo(vae, digits.test.images))

# %%
# Half precision pays on GPUs, for networks that are large; on a CPU it can be slower.
#
# **Another device** by its name, as torch does:
#
# .. code-block:: python
#
#    ppgen.fit(vae, train, validation, epochs=100, device="cuda:1", bfloat16=True)
#
# **Several processes.** The script stays as it is, and ``torchrun`` starts it several times. Each
# process takes its part of every batch, gradients are averaged, and the first process writes. Each
# process has a GPU of its own, or they share the cores of the CPU:
#
# .. code-block:: shell
#
#    torchrun --nproc-per-node 4 train.py
#
# .. code-block:: python
#
#    # train.py
#    import os
#
#    import ppgen
#    from ppgen.models import VAE
#
#    digits = ppgen.data.load("digits").binarized()
#    vae = VAE.mlp(digits.image_shape, latent=8)
#    ppgen.fit(vae, digits.train.images, epochs=50, batch_size=128, out="runs/vae", resume=True)
#    if int(os.environ.get("RANK", 0)) == 0:
#        print("bound", ppgen.elbo(vae, digits.test.images))
#
# ``batch_size`` is that of all processes together. Code after ``fit`` runs in every process;
# torchrun numbers them by ``RANK``, so that the first alone prints here. A run may be resumed by
# another number of processes.
#
# **Compiled steps.** Running a program through Pyro takes time at each step, more than the
# arithmetic if networks are small. ``compile`` says what is done about it:
#
# .. list-table::
#    :header-rows: 1
#    :widths: 20 80
#
#    * - ``compile=``
#      - steps of training
#    * - ``"auto"``
#      - whichever of the others takes the least time in all; the default
#    * - ``"off"``
#      - run the program through Pyro each time: for debugging, and for programs with branches that
#        depend on values
#    * - ``"traced"``
#      - trace the program once, and run the graph of its tensor operations
#    * - ``"on"``
#      - compile that graph by torch, which takes up to a minute and needs a C++ compiler on CPUs

for mode in ("off", "traced"):
    history = ppgen.fit(vae, train, epochs=15, compile=mode, progress=False)
    fastest = min(epoch.seconds for epoch in history.epochs[1:])
    print(f"compile={mode!r}: {fastest:.3f} seconds an epoch, after the first")

# %%
# **What to look at.** Seconds an epoch, of which the first also traces and compiles; and the bound
# in half precision beside that in float32. How the steps compare on other programs: ``python -m
# benchmarks --only svi_step``.
#
# **Reference:** :func:`ppgen.fit`, :class:`~ppgen.training.History`.
