r"""The trained models that come with the package: digits of 28×28 pixels, in seconds.

python examples/pretrained.py
python examples/pretrained.py --drawing my_digit.png
"""

import torch
from matplotlib.image import imread

import ppgen
from ppgen import plots
from ppgen.data import Dataset, Part
from ppgen.experiments import Experiment, arguments
from ppgen.experiments.shipped import estimated
from ppgen.inference import complete

PARTICLES = 100
SHOWN = 8  # completed digits
SCORED = 50  # unseen digits
FIT = {"start": "guide", "steps": 100, "learning_rate": 0.1}  # of latents: enough for a picture


def drawing(path, label):
    """Return an image file as a digit of 28×28 pixels, white on black, with its label."""
    image = torch.as_tensor(imread(path))
    if image.dim() == 3 and image.shape[-1] == 4:  # a transparent ground is white paper
        image = image[..., :3] * image[..., 3:] + 1 - image[..., 3:]
    grey = image[..., :3].mean(-1) if image.dim() == 3 else image
    grey = grey / grey.max().clamp(min=1e-6)
    grey = 1 - grey if grey.median() > 0.5 else grey  # ink on paper
    images = (255 * grey).round().to(torch.uint8)[None, None]
    part = Part(images, torch.tensor([label]))
    return Dataset("a drawing", 256, part, part, part).resized(28)


def main() -> None:
    parser = arguments(__doc__, datasets=False)
    parser.add_argument("--drawing", help="a picture of a digit of yours, to be completed too")
    parser.add_argument("--label", type=int, default=0, choices=range(10), help="what it shows")
    options = parser.parse_args()
    run = Experiment("pretrained", options)

    records = ppgen.pretrained()
    models = {name: ppgen.load(name) for name in records}
    digits = ppgen.data.load("digits").resized(28, margin=4)
    if options.drawing:
        digits = drawing(options.drawing, options.label)
    binary = digits.binarized("threshold")
    some = binary.test.spread(SHOWN)
    upper = torch.zeros(digits.image_shape, dtype=torch.bool)
    upper[:, :14] = True

    samples, table = {}, {}
    completed = {
        "digits": some.images.float(),
        "given": torch.where(upper, some.images.float(), torch.nan),
    }
    for name, record in records.items():
        program = models[name]
        x, *labels = some.arguments(record.given_labels)
        wished = [torch.arange(25) % 10 for _ in labels]
        by_pixels = hasattr(program, "network")  # of others, means are clearer than drawn pixels
        drawn = ppgen.sample(program, 25, *wished, mean=not by_pixels, seed=0)
        samples[name if by_pixels else f"{name}, means"] = program.grey(drawn)
        try:
            answer = complete(program, x, upper, *labels, particles=PARTICLES, seed=0, **FIT)
            completed[name] = answer.samples[0] if by_pixels else answer.mean
        except ValueError as error:
            print(f"{name} completes nothing: {error}.")
        unseen = binary.test.spread(SCORED).arguments(record.given_labels)
        table[name] = {
            "test nats": record.result.nats,
            f"nats of {binary.name}": -estimated(program, unseen, record.particles).mean,
            "kB": record.size / 1e3,
        }
    print(records)
    run.save_figure("samples", plots.image_grids(samples, title="new digits of trained models"))
    figure = plots.image_rows(completed, "lower halves of unseen digits, by each model")
    run.save_figure("completions", figure)
    vae = models["mnist-vae"]
    title = "mean images over the plane of the two latents"
    run.save_figure("manifold", plots.manifold(vae.decode, vae.latent, title=title))
    for name in (name for name, record in records.items() if record.given_labels):
        drawn = ppgen.sample(models[name], 100, torch.arange(10).repeat(10), seed=0)
        figure = plots.image_grid(drawn, 10, f"{name}: ten samples of each digit")
        run.save_figure(f"{name}_on_demand", figure)
    run.report(table=table)
    run.finish()


if __name__ == "__main__":
    main()
