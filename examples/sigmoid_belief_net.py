r"""Sigmoid belief nets: exact if 2^M states can be summed over, else trained by bounds.

First, nets of few latents: the gap between each bound and the exact likelihood, and a net trained
by the likelihood itself. Then the cost of exactness: seconds of the sum over 2^M states, compared
with a mixture of K classes. Last, nets of many latents with each guide and each estimator of the
gradient.

python examples/sigmoid_belief_net.py
python examples/sigmoid_belief_net.py --data binarized_mnist --download --latents 200 --epochs 50
python examples/sigmoid_belief_net.py --data binarized_mnist --latents 200 100 \
    --guides autoregressive --estimators wake-sleep
"""

import time
from functools import partial

import torch
from pyro.infer import TraceGraph_ELBO
from torch.optim import Adam
from torch.optim.lr_scheduler import CosineAnnealingLR

import ppgen
from ppgen import plots
from ppgen.autoregressive import FullyVisible
from ppgen.experiments import Experiment, arguments, training_arguments
from ppgen.experiments.measured import Measured
from ppgen.models import BernoulliMixture, ExactSigmoidBeliefNet, SigmoidBeliefNet
from ppgen.models.posteriors import AutoregressiveBernoulli, FactorisedBernoulli
from ppgen.objectives import ImportanceWeightedELBO, WakeSleepELBO

SMALL_EPOCHS = 30

# NVIL draws latents once for each image, the others five times.
ESTIMATORS = {
    "NVIL": TraceGraph_ELBO(),  # with the baselines of the net
    "VIMCO": ImportanceWeightedELBO(5),
    "wake-sleep": WakeSleepELBO(5),
}


def autoregressive(latents):
    return AutoregressiveBernoulli(FullyVisible((1, 1, latents), context_size=latents))


GUIDES = {"factorised": FactorisedBernoulli, "autoregressive": autoregressive}


def log_likelihood(net, images):
    """Return exact log p of each image, in nats: the bound if no latent is left."""
    return ppgen.elbo(ExactSigmoidBeliefNet(net), images)


def measure(net, images, exact=False):
    """Return the bound of held-out images, and their likelihood if it is known, nats an image."""
    numbers = {"bound": ppgen.elbo(net, images).mean}
    return numbers | ({"likelihood": log_likelihood(net, images).mean} if exact else {})


def make(run, data, layers):
    """Make a net that starts with few latents on and pixels at the mean image's log-odds."""
    torch.manual_seed(run.options.seed)
    net = SigmoidBeliefNet(data.image_shape, layers, run.options.hidden)
    mean = data.train.images.float().mean(0).clamp(0.001, 0.999)
    with torch.no_grad():
        net.conditionals[0].bias.copy_(mean.logit().flatten())
        net.prior_logits.fill_(-2.0)
    return net


def fit(run, program, data, after_each, name, **options):
    """Fit with the script's options in its own folder; return history and measurements."""
    folder = run.folder / name
    settings = run.fit_options | {"out": folder} | options
    measured = Measured(after_each, folder, resume=settings["resume"], writes=run.processes.leads)
    history = ppgen.fit(
        program,
        data.train.images,
        data.validation.images,
        optimizer=partial(Adam, lr=run.options.learning_rate, fused=True),
        scheduler=partial(CosineAnnealingLR, T_max=max(1, settings["epochs"])),
        average=0.999,
        callback=measured,
        **settings,
    )
    return history, measured


def record(run, net, history, estimate, data, way, how):
    """Record the result of a net, named by its layers and its way of training."""
    name = f"sigmoid belief net {'-'.join(map(str, net.latents))}, {way}"
    run.result(name, net, history, estimate, data, how=how)


def small_nets(run, data):
    """Train nets of few latents by the likelihood and by each bound; return the first net."""
    curves, table, nets = {}, {}, {}
    epochs = min(run.options.epochs, SMALL_EPOCHS)
    for way, elbo in {"the likelihood": None, **ESTIMATORS}.items():
        net = nets[way] = make(run, data, [run.options.small])
        after_each = partial(measure, net, data.validation.images, exact=True)
        program = net if elbo else ExactSigmoidBeliefNet(net)
        folder = f"small_{way.replace(' ', '_')}"
        history, measured = fit(
            run, program, data, after_each, folder, objective=elbo, epochs=epochs
        )
        likelihood = log_likelihood(net, data.test.images)
        by = f"factorised, {way}" if elbo else way
        record(run, net, history, likelihood, data, by, how="exact")
        table[way] = {"test_log_likelihood": likelihood.mean}
        curves[way] = {"likelihood": measured.column("likelihood", history)}
        if elbo:  # the guide of the other is not trained
            table[way]["test_bound"] = ppgen.elbo(net, data.test.images).mean
            curves[way]["bound"] = measured.column("bound", history)
    run.report(small_nets=table, small_nets_curves=curves)
    run.save_figure("gap", draw_gap(curves, run.options.small))
    return nets["the likelihood"]


def draw_gap(curves, latents):
    figure = plots.Figure((10, 4.6))
    figure.suptitle("a net trained by a bound stays below one trained by the likelihood")
    left, right = figure.subplots(1, 2)
    left.set(ylabel="log p(x), nats an image", title=f"exact likelihood, {latents} latents")
    right.set(ylabel="log p(x) − bound, nats an image", title="what the bound misses", yscale="log")
    for number, (way, curve) in enumerate(curves.items()):
        epochs, likelihoods = curve["likelihood"]
        left.plot(epochs, likelihoods, color=plots.COLOURS[number], label=f"trained by {way}")
        if "bound" in curve:
            gaps = [p - bound for p, bound in zip(likelihoods, curve["bound"][1], strict=True)]
            right.plot(epochs, gaps, color=plots.COLOURS[number], label=f"trained by {way}")
    for axes in (left, right):
        axes.set(xlabel="epoch")
        axes.locator_params("x", integer=True)
    handles = left.get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=4, frameon=False)
    return figure


def causes(net):
    """Return mean images with all latents off, and with one on at a time."""
    z = torch.cat([torch.zeros(1, net.latents[0]), torch.eye(net.latents[0])]).to(net.device)
    with torch.no_grad():
        images = net.conditionals[0](z).sigmoid().unflatten(-1, net.image_shape)
    title = "mean images with all latents off, then with one on at a time"
    return plots.image_grid(images, -(-len(images) // 2), title)


@torch.no_grad()
def seconds(model, images):
    """Return the seconds of one exact likelihood of the images, the best of three."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        model.log_likelihood(images)
        times.append(time.perf_counter() - start)
    return min(times)


def costs(run, data):
    """Measure the seconds of the exact likelihood for latents M and classes K."""
    images, shape = data.train.images[:1000].float(), data.image_shape
    latents = range(2, 13 if run.options.quick else 17, 2)
    classes = [4**power for power in range(1, 6)]
    nets = [seconds(SigmoidBeliefNet(shape, [m], hidden=()), images) for m in latents]
    mixtures = [seconds(BernoulliMixture(shape, k), images) for k in classes]
    figure = plots.Figure((6, 4))
    axes = figure.add_subplot(
        xlabel="latents M, or classes K",
        ylabel=f"seconds, {len(images)} images",
        title="exact log p(x): the cost doubles with each latent",
    )
    axes.loglog(latents, nets, ".-", label="belief net: 2$^M$ states")
    axes.loglog(classes, mixtures, ".-", label="mixture: K classes")
    axes.legend()
    run.save_figure("cost", figure)
    run.report(
        seconds_of_belief_net=dict(zip(latents, nets, strict=True)),
        seconds_of_mixture=dict(zip(classes, mixtures, strict=True)),
    )


def large_nets(run, data):
    """Train nets of many latents with each guide and estimator that the options name."""
    options, test = run.options, data.test.images
    curves, table = {}, {}
    for guide in dict.fromkeys(options.guides):
        samples = {"test images": data.test.spread(25).images}
        for way in dict.fromkeys(options.estimators):
            net = make(run, data, [GUIDES[guide](latents) for latents in options.latents])
            after_each = partial(measure, net, data.validation.images)
            name = f"{guide}, {way}"
            folder = f"{guide}_{way}"
            history, measured = fit(run, net, data, after_each, folder, objective=ESTIMATORS[way])
            likelihood = ppgen.iwae(net, test, options.particles)
            record(run, net, history, likelihood, data, name, f"{options.particles:,} particles")
            table[name] = {
                "test_bound": ppgen.elbo(net, test).mean,
                "test_log_likelihood": likelihood.mean,
                "standard_error": likelihood.standard_error,
                "seconds_an_epoch": history.seconds_an_epoch,
            }
            curves[name] = measured.column("bound", history)
            samples[name] = ppgen.sample(net, 25, mean=True, seed=0)
        title = f"pixel means of samples; guide: {guide}"
        run.save_figure(f"samples_{guide}", plots.image_grids(samples, title=title))
    print(f"nats an image; the likelihood estimated with {options.particles} draws")
    print(f"{'':28}{'bound':>10}{'likelihood':>12}{'s/epoch':>10}")
    for name, (bound, estimate, _, epoch) in ((n, row.values()) for n, row in table.items()):
        print(f"{name:28}{bound:10.2f}{estimate:12.2f}{epoch:10.2f}")
    run.report("", nets=table, nets_curves=curves, particles=options.particles)
    lines = {name: (epochs[1:], bounds[1:]) for name, (epochs, bounds) in curves.items()}
    title = "guides and gradient estimators: validation images"
    run.save_figure("bounds", plots.curves(lines, "bound, nats an image", title=title))


def main() -> None:
    parser = arguments(__doc__)
    training_arguments(parser, epochs=50, quick=3, batch_size=100)
    parser.add_argument("--small", type=int, default=8, help="latents known exactly; 0: none")
    parser.add_argument("--latents", type=int, nargs="+", default=[50], help="layers, from below")
    parser.add_argument("--guides", nargs="+", default=[*GUIDES], choices=GUIDES)
    parser.add_argument("--estimators", nargs="+", default=[*ESTIMATORS], choices=ESTIMATORS)
    parser.add_argument("--hidden", type=int, nargs="*", default=[], help="of the encoders")
    parser.add_argument("--learning-rate", type=float, default=0.02, help="default: %(default)s")
    parser.add_argument("--particles", type=int, default=1000, help="of the likelihood estimate")
    run = Experiment("sigmoid_belief_net", parser.parse_args())
    data = run.data.binarized()

    if run.options.small:
        run.save_figure("causes", causes(small_nets(run, data)))
        costs(run, data)
    large_nets(run, data)
    run.finish()


if __name__ == "__main__":
    main()
