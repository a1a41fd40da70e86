r"""Characters by an LSTM or a transformer, beside n-grams: bits a character of unseen pages.

The text is the manual of Python's statements that every interpreter carries, cut into lines of
equal length; whole pages are held out.

python examples/text.py
python examples/text.py --network Transformer
"""

import math
import time
from collections import Counter, defaultdict
from dataclasses import replace
from functools import partial
from pydoc_data.topics import topics

import torch
from torch.optim.lr_scheduler import CosineAnnealingLR

import ppgen
from ppgen import plots
from ppgen.autoregressive import LSTM, Embedding, Transformer
from ppgen.data import Dataset, Part
from ppgen.experiments import Experiment, arguments, sized_argument, training_arguments
from ppgen.inference import Estimate
from ppgen.likelihoods import Categorical
from ppgen.models import AutoregressiveModel

LENGTH = 128  # characters of a line
ALPHABET = "\n" + "".join(map(chr, range(32, 127)))
PARTS = ("train",) * 6 + ("validation", "test")  # of each eight pages in turn
ORDERS = range(1, 8)  # characters that an n-gram looks at, the predicted one included
SYMBOLS = len(ALPHABET)


NETWORKS = {
    "LSTM": lambda o, *of, **inputs: LSTM(*of, **inputs, hidden=o.width, layers=o.layers),
    "Transformer": lambda o, *of, **inputs: Transformer(
        *of, **inputs, width=o.width, layers=o.layers, heads=4, window=9
    ),
}


def load_pages():
    """Return lines of the manual's pages, as images of one row, in three parts of whole pages."""
    number = {character: symbol for symbol, character in enumerate(ALPHABET)}
    lines = {part: [] for part in PARTS}
    for page, (_, text) in enumerate(sorted(topics.items())):
        symbols = torch.tensor([number[c] for c in text if c in number], dtype=torch.uint8)
        whole = symbols[: len(symbols) // LENGTH * LENGTH]
        lines[PARTS[page % len(PARTS)]].append(whole.view(-1, 1, 1, LENGTH))
    parts = {part: Part(torch.cat(each)) for part, each in lines.items()}
    return Dataset("Python's manual, lines of 128 characters", SYMBOLS, **parts)


class NGrams:
    """Frequencies of characters after the last few, by the method of Witten and Bell (1991).

    p(c | h) = (n(h, c) + d(h) p(c | h without its first)) / (n(h) + d(h)), where n counts in the
    lines of training, and d(h) is how many characters have followed h.
    """

    def __init__(self, lines, order):
        self.counts = [defaultdict(Counter) for _ in range(order)]
        for line in lines:
            for end, character in enumerate(line):
                for length in range(min(order, end + 1)):
                    self.counts[length][line[end - length : end]][character] += 1

    def size(self, order):
        """Return how many n-grams of up to ``order`` characters there are."""
        return sum(len(after) for counts in self.counts[:order] for after in counts.values())

    def log_prob(self, line, order):
        """Return log p of a line, in nats: each character given ``order`` − 1 before it."""
        total = 0.0
        for end, character in enumerate(line):
            p = 1 / SYMBOLS
            for length in range(min(order, end + 1)):
                after = self.counts[length].get(line[end - length : end])
                if after is None:
                    break
                p = (after[character] + len(after) * p) / (after.total() + len(after))
            total += math.log(p)
        return total


def bits(estimate):
    """Convert nats of lines to bits a character."""
    return -estimate.mean / LENGTH / math.log(2)


def as_text(lines):
    """Return lines as strings of symbols."""
    return [bytes(line) for line in lines.flatten(1).to(torch.uint8).tolist()]


def readable(lines):
    return ["".join(ALPHABET[symbol] for symbol in line) for line in as_text(lines)]


def main() -> None:
    parser = arguments(__doc__, datasets=False)
    training_arguments(parser, epochs=30, quick=1)
    parser.add_argument("--network", choices=NETWORKS, default="LSTM")
    sized_argument(parser, "--width", 512, 64, "of the network")
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--rate", type=float, default=3e-3, help="first learning rate")
    parser.add_argument("--bfloat16", action="store_true", help="train in half precision")
    options = parser.parse_args()
    run = Experiment("text", options)

    pages = load_pages()
    likelihood = Categorical(SYMBOLS)
    encode = partial(likelihood.encode, levels=SYMBOLS)
    make = NETWORKS[options.network]
    inputs = Embedding(SYMBOLS, 32)
    model = AutoregressiveModel(make(options, pages.image_shape, likelihood, inputs=inputs))
    history = ppgen.fit(
        model,
        pages.train.images,
        pages.validation.images,
        transform=encode,
        batch_size=32,
        lr=options.rate,
        scheduler=partial(CosineAnnealingLR, T_max=options.epochs),
        clip_norm=10.0,
        average=0.999,
        bfloat16=options.bfloat16,
        **run.fit_options,
    )
    estimate = ppgen.elbo(model, pages.test.images, transform=encode)
    name = f"{options.network}, {options.layers} × {options.width}"
    ours = run.result(
        name,
        model,
        history,
        estimate,
        pages,
        how="exact",
        likelihood=likelihood,
        called=pages.name,
    )

    parts = {"training": pages.train, "validation": pages.validation, "test": pages.test}
    lines = {name: as_text(part.images) for name, part in parts.items()}
    started = time.perf_counter()
    ngrams = NGrams(lines["training"], max(ORDERS))
    seconds = time.perf_counter() - started
    found = {
        part: [
            Estimate(torch.tensor([ngrams.log_prob(line, order) for line in lines[part]]))
            for order in ORDERS
        ]
        for part in ("validation", "test")
    }
    best = min(ORDERS, key=lambda order: -found["validation"][order - 1].mean)
    of_best = found["test"][best - 1]
    run.record(
        replace(
            ours,
            model=f"{best}-grams, Witten and Bell",
            nats=-of_best.mean,
            standard_error=of_best.standard_error,
            bits=bits(of_best),
            parameters=ngrams.size(best),
            epochs=1,
            seconds=seconds,
        )
    )
    curves = {
        "n-grams": ([*ORDERS], [*map(bits, found["test"])]),
        name: ([*ORDERS], [ours.bits] * len(ORDERS)),
    }
    title = f"the {options.network} and n-grams of several lengths"
    ylabel = "bits a character of unseen pages"
    run.save_figure("bits", plots.curves(curves, ylabel, "characters of an n-gram", title=title))
    run.report(
        "Bits a character of unseen pages: {bits_a_character:.2f}; {best_ngram}-grams, the best on "
        "validation pages, have {bits_a_character_of_the_best_ngram:.2f}. Five samples:",
        bits_a_character=ours.bits,
        best_ngram=best,
        bits_a_character_of_the_best_ngram=bits(of_best),
        bits_a_character_of_ngrams={part: [*map(bits, each)] for part, each in found.items()},
        samples=readable(ppgen.sample(model, 5, seed=0)),
    )
    for line in run.metrics["samples"]:
        print(line.replace("\n", "⏎"))
    run.finish()


if __name__ == "__main__":
    main()
