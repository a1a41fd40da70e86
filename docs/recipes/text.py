r"""
Model text, character by character
==================================

A text is a sequence of symbols, each drawn given those before it. An LSTM, a recurrent neural
network (RNN) from :mod:`ppgen.autoregressive`, computes these conditionals, and
:class:`~ppgen.models.AutoregressiveModel` makes a program of it.
"""

# %%
# The text is a part of Python's manual, which every interpreter carries. It is cut into lines of 64
# characters; the last hundred lines are held out.

from pydoc_data.topics import topics

import torch

text = "".join(text for _, text in sorted(topics.items()))[:64_000]
alphabet = sorted(set(text))
number = {character: symbol for symbol, character in enumerate(alphabet)}
lines = torch.tensor([number[character] for character in text]).view(-1, 64)
train, test = lines[:-100], lines[-100:]

# %%
# **The task.** A row is ``(64,)`` symbols 0, 1, 2, …; its likelihood is
# :class:`~ppgen.likelihoods.Categorical`, and each symbol is read as a vector that is learned.

import math

import ppgen
from ppgen.autoregressive import LSTM, Embedding
from ppgen.likelihoods import Categorical
from ppgen.models import AutoregressiveModel

symbols = len(alphabet)
network = LSTM((64,), Categorical(symbols), inputs=Embedding(symbols, 16), hidden=128)
program = AutoregressiveModel(network)
history = ppgen.fit(
    program, train, epochs=5, batch_size=32, lr=1e-2, clip_norm=10.0, progress=False
)

# %%
# **What to look at.** The ELBO of a model without latents is log p(line) itself, in nats. Divided
# by the number of characters and log 2 it is bits a character; a uniform draw has log2 of the size
# of the alphabet.

nats = -ppgen.elbo(program, test).mean
print(f"{nats / 64 / math.log(2):.2f} bits a character, of {math.log2(symbols):.2f}")


def readable(line):
    return "".join(alphabet[symbol] for symbol in line.int()).replace("\n", "⏎")


print(*map(readable, ppgen.sample(program, 3, seed=0)), sep="\n")

# %%
# Continue a given beginning: the mask says which characters are known.

beginning = torch.arange(64) < 20
completed = ppgen.inference.complete(program, test[:3], beginning, seed=1).samples[0]
print(*(f"{readable(line[:20])} | {readable(line[20:])}" for line in completed), sep="\n")

# %%
# The fit here takes seconds, so the words are barely words. ``examples/text.py`` trains on the
# whole manual and compares an LSTM, a transformer and n-grams in bits a character.
#
# All rows have one length: cut long lines, and fill short ones up with a symbol of its own, which
# then counts in the bits. There is no temperature: samples are drawn from the model as it is.
#
# **Reference:** :class:`~ppgen.autoregressive.LSTM`, :class:`~ppgen.autoregressive.Transformer`,
# :class:`~ppgen.models.AutoregressiveModel`, :class:`~ppgen.likelihoods.Categorical`,
# :func:`ppgen.inference.complete`.
