"""What the page for models shows, without a browser."""

from math import isfinite

import pytest
import torch

import ppgen
from ppgen.autoregressive import MADE, Independent
from ppgen.explore.models import bounds, causes, latents
from ppgen.explore.models.completions import completed
from ppgen.explore.models.drawing import PARTS, Drawing
from ppgen.explore.models.opened import Model, open_named
from ppgen.explore.models.pixel_by_pixel import PixelByPixel, draws_pixels
from ppgen.explore.models.views import VIEWS
from ppgen.likelihoods import Categorical
from ppgen.models import (
    PPCA,
    VAE,
    AutoregressiveModel,
    BernoulliMixture,
    SigmoidBeliefNet,
)

SHAPE = (1, 8, 8)


def made(**options):
    program = AutoregressiveModel(MADE(SHAPE, hidden=[20], **options))
    with torch.no_grad():  # else each pixel hardly depends on those before
        for parameter in program.parameters():
            parameter.mul_(5)
    return program


PROGRAMS = {
    "VAE": lambda: VAE.mlp(SHAPE, latent=3),
    "PPCA": lambda: PPCA.from_images(ppgen.data.load("digits").train.images / 16, latent=3),
    "MADE": made,
    "conditional MADE": lambda: made(context_size=10),
    "grey MADE": lambda: made(likelihood=Categorical(4)),
    "mixture": lambda: BernoulliMixture(SHAPE, classes=5),
    "belief net": lambda: SigmoidBeliefNet(SHAPE, latents=[6]),
    "deep belief net": lambda: SigmoidBeliefNet(SHAPE, latents=[6, 3]),
}
SUITED = {
    "VAE": ["Latent plane", "Completion", "Bound"],
    "PPCA": ["Latent plane", "Completion", "Bound"],
    "MADE": ["Pixel by pixel", "Completion"],
    "conditional MADE": ["Pixel by pixel", "Completion"],
    "grey MADE": ["Pixel by pixel", "Completion"],
    "mixture": ["Classes", "Completion"],
    "belief net": ["Causes", "Bound"],
    "deep belief net": ["Causes", "Bound"],
}


def model(name):
    return Model.of(name, PROGRAMS[name]())


@pytest.mark.parametrize("name", PROGRAMS)
def test_views_suit_what_a_program_can_do(name):
    assert [view.name for view in VIEWS if view.suits(model(name))] == SUITED[name]


@pytest.mark.parametrize("name", PROGRAMS)
def test_test_images_lie_in_the_support(name):
    tried = model(name)
    x = tried.test.images
    assert x.shape == (300, *SHAPE)
    assert isfinite(ppgen.elbo(tried.program, tried.test.arguments(tried.classes > 0)).mean)
    grey = tried.grey(x)
    assert 0 <= grey.min() < grey.max() <= 1


def test_a_model_of_other_shapes_is_tried_on_its_own_images():
    tried = Model.of("faces", VAE.mlp((3, 5, 7), latent=2))
    assert tried.test.images.shape == (40, 3, 5, 7)
    assert tried.origin == "draws from the model itself"
    assert tried.test.labels is None


def test_a_program_of_no_images_is_refused():
    with pytest.raises(ValueError, match="regression"):
        Model.of("regression", ppgen.models.LinearRegression(3))


@pytest.mark.parametrize(
    ("names", "reason"),
    [(["mnist-vea"], "mnist-vae"), (["/dev/null"], "null"), (["no/such.pt"], "expected mnist-")],
)
def test_wrong_names_are_refused(names, reason):
    with pytest.raises(ValueError, match=reason):
        open_named(names)


def test_the_image_of_a_point_is_the_decoders_mean():
    for name in ("VAE", "PPCA"):
        tried = model(name)
        space = latents.Latents(tried)
        z = torch.tensor([0.3, -1.0, 2.0])
        assert torch.equal(space.image(z), tried.program.decode(z.unsqueeze(0))[0])
        walk = space.walk(z, dimension=1)
        assert torch.allclose(walk[3], space.image(torch.tensor([0.3, 0.0, 2.0])), atol=1e-6)
        way = space.way(z, -z)
        assert torch.allclose(way[0], space.image(z), atol=1e-6)
        assert torch.allclose(way[4], space.image(0 * z), atol=1e-6)


def test_means_are_the_guides_and_order_follows_activity():
    tried = model("PPCA")
    space = latents.Latents(tried)
    exact = tried.program.posterior(tried.test.images).mean
    assert torch.allclose(space.means, exact, atol=1e-4)
    activity = exact.var(0)[space.order]
    assert (activity[:-1] >= activity[1:]).all()
    assert space.nearest(space.means[17]) == 17


def test_dimensions_that_are_ignored_come_last():
    vae = VAE.mlp(SHAPE, latent=3)
    with torch.no_grad():
        vae.encoder[-1].weight[1] = vae.encoder[-1].bias[1] = 0  # the mean of the second latent
    space = latents.Latents(Model.of("vae", vae))
    assert space.order[-1] == 1
    assert space.activity[1] == 0


@pytest.mark.parametrize("name", ["MADE", "conditional MADE", "grey MADE"])
def test_conditionals_are_those_of_one_step_at_a_time(name):
    tried = model(name)
    drawn = PixelByPixel(tried, label=3)
    network = drawn.network
    x = network.in_order(drawn.image.unsqueeze(0))
    context = network.context_vectors(torch.tensor([3])) if tried.classes else None
    with torch.no_grad():
        raw = torch.stack(list(network.steps(x, context)), -1)
    mean = network.likelihood.mean(network.likelihood.distribution(raw.view(1, -1, 1, 1, 64)))
    shown = network.in_order(drawn.probabilities)
    assert torch.allclose(shown, mean.flatten(), atol=1e-5)
    assert drawn.nats(64) == pytest.approx(
        -float(tried.program.log_likelihood(drawn.image[None], None, *tried.context(3)).detach()),
        rel=1e-4,
    )


@pytest.mark.parametrize("name", ["MADE", "conditional MADE", "grey MADE"])
def test_a_flipped_pixel_leaves_earlier_ones_alone_and_moves_later_ones(name):
    first = PixelByPixel(model(name), label=2)
    before, probabilities, moved = first.image, first.probabilities, 0
    for step in range(0, 60, 6):
        drawn = first.flipped(step)
        assert torch.equal(drawn.image.flatten()[:step], before.flatten()[:step])
        assert drawn.image.flatten()[step] != before.flatten()[step]
        assert torch.equal(drawn.changed, drawn.image != before)
        assert torch.equal(
            drawn.probabilities.flatten()[: step + 1], probabilities.flatten()[: step + 1]
        )
        moved += int(drawn.changed.sum()) - 1
    assert moved > 0


def test_nothing_follows_from_a_pixel_that_no_other_depends_on():
    """All others keep their random numbers, and so their values."""
    program = AutoregressiveModel(Independent(SHAPE))
    drawn = PixelByPixel(Model.of("independent", program))
    assert int(drawn.flipped(20).changed.sum()) == 1


def test_a_seed_repeats_and_a_label_switches():
    tried = model("conditional MADE")
    first, again = PixelByPixel(tried, label=1, seed=5), PixelByPixel(tried, label=1, seed=5)
    assert torch.equal(first.image, again.image)
    assert not torch.equal(first.image, PixelByPixel(tried, label=7, seed=5).image)


def test_an_ordering_of_its_own():
    ordering = torch.arange(64).flip(0)
    drawn = PixelByPixel(Model.of("made", made(ordering=ordering)))
    assert drawn.place(0) == (7, 7)
    assert drawn.step_of(7, 6) == 1
    shown = drawn.until(2, drawn.image)
    assert shown.isfinite().nonzero().tolist() == [[0, 7, 6], [0, 7, 7]]
    assert draws_pixels(drawn.model.program)


@pytest.mark.parametrize("name", ["belief net", "deep belief net"])
def test_pixels_given_causes_are_the_nets_conditional(name):
    tried = model(name)
    chosen = causes.Causes(tried)
    for cause in (1, 4):
        chosen.switch(cause)
    with torch.no_grad():
        expected = tried.program.conditionals[0](chosen.on.float()).sigmoid().view(SHAPE)
    assert torch.allclose(chosen.image, expected)
    assert chosen.effects.shape == (6, *SHAPE)
    chosen.draw(3)
    drawn = chosen.on
    chosen.turn_off()
    assert not chosen.on.any()
    chosen.draw(3)
    assert torch.equal(chosen.on, drawn)
    chosen.infer(tried.test.images[0], 0)
    assert chosen.on.dtype == torch.bool


@pytest.mark.parametrize("name", ["VAE", "PPCA", "MADE", "conditional MADE", "mixture"])
def test_completions_keep_what_is_given(name):
    tried = model(name)
    drawing = Drawing(tried.grey(tried.test.images[0]))
    drawing.hide("lower half")
    found = completed(tried, drawing.image, drawing.observed, label=3, draws=2)
    assert found.mean.shape == SHAPE
    assert found.draws.shape == (2, *SHAPE)
    assert torch.allclose(found.draws[:, :, :4], drawing.image[:, :4].expand(2, 1, 4, 8))
    again = completed(tried, drawing.image, drawing.observed, label=3, draws=2)
    assert torch.equal(found.draws, again.draws)
    assert found.log_prob == again.log_prob


def test_completions_of_a_mixture_are_exact():
    tried = model("mixture")
    drawing = Drawing(tried.test.images[5])
    drawing.hide("middle")
    found = completed(tried, drawing.image, drawing.observed)
    program, x = tried.program, tried.test.images[5:6]
    exact = program.log_likelihood(x) - program.log_likelihood(x, drawing.observed[None])
    assert found.log_prob == pytest.approx(float(exact), rel=1e-5)


def test_pixels_after_given_ones_are_no_gap_for_an_autoregressive_model():
    tried = model("MADE")
    drawing = Drawing(tried.test.images[0])
    drawing.hide("middle")
    with pytest.raises(ValueError, match="ordering"):
        completed(tried, drawing.image, drawing.observed)
    drawing.hide_after_first(tried.program.network.ordering)
    assert int(drawing.observed.sum()) == 2 * 8 + 2
    completed(tried, drawing.image, drawing.observed)


def test_bounds_lie_around_the_exact_value():
    tried = model("PPCA")
    found = list(bounds.bounds(tried, tried.test.images[:3]))
    exact = float(tried.program.log_likelihood(tried.test.images[:3]).mean())
    assert [bound.particles for bound in found] == [0, None, *bounds.PARTICLES]
    # The guide of PPCA is the exact posterior: all estimates are log p(x) itself.
    assert all(bound.nats == pytest.approx(exact, abs=0.01) for bound in found)


def test_tools_of_a_drawing():
    drawing = Drawing(torch.zeros(SHAPE))
    drawing.stroke("draw", (4.5, 0.5), (4.5, 7.5), width=1)
    assert drawing.image[0].sum(0).tolist() == [0, 0, 0, 0, 8, 0, 0, 0]
    drawing.stroke("rub out", (0.0, 4.5), (8.0, 4.5), width=2)
    assert drawing.shown[0, 4].isnan().all()
    assert not drawing.shown[0, :3].isnan().any()
    assert drawing.image[0, 4, 4] == 1  # what stood there is kept
    drawing.stroke("restore", (4.2, 4.2), (4.2, 4.2), width=1)
    assert drawing.shown[0, 4, 4] == 1
    drawing.stroke("erase", (4.2, 4.2), (4.2, 4.2), width=1)
    assert drawing.shown[0, 4, 4] == 0
    drawing.stroke("draw", (-50.0, -50.0), (-40.0, 900.0), width=3)  # outside: nothing
    shares = {part: float((~_hidden(part)).float().mean()) for part in PARTS}
    assert shares["nothing"] == 1
    assert shares["everything"] == 0
    assert shares["left half"] == shares["lower half"] == 0.5


def _hidden(part):
    drawing = Drawing(torch.zeros(SHAPE))
    drawing.hide(part)
    return ~drawing.observed
