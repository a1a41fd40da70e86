"""Laws of every network in `NETWORKS` with every encoding in `INPUTS`; a new one is one line."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product

import pyro
import pytest
import torch
from programs import LinearChain
from scipy.stats import chisquare
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn import functional as F

from ppgen.autoregressive import (
    LSTM,
    MADE,
    NADE,
    AutoregressiveNetwork,
    ConditionalTables,
    Embedding,
    Ensemble,
    FullyVisible,
    GatedPixelCNN,
    GreyValues,
    Independent,
    OneHot,
    PixelCNN,
    Transformer,
    check_network,
)
from ppgen.distributions import Autoregressive
from ppgen.likelihoods import Bernoulli, Categorical, ContinuousBernoulli, SoftBernoulli

# Chance that a statistical test fails on correct code, if its seed were not fixed.
FAILURE_RATE = 1e-4


def dense_tables(shape, ordering=None):
    pixels = torch.Size(shape).numel()
    tables = [torch.rand((2,) * length, dtype=torch.double) for length in range(1, pixels + 1)]
    tables = [(table / table.sum(-1, keepdim=True)).numpy() for table in tables]
    return ConditionalTables.from_tables(shape, tables, ordering)


def prefix_tree(shape, ordering=None):
    images = torch.bernoulli(torch.full((60, *shape), 0.5))
    return ConditionalTables.from_images(images, pseudo_count=0.4, ordering=ordering)


def ensemble(shape, **options):
    return Ensemble([NADE(shape, hidden=4, **options), MADE(shape, hidden=[9], masks=2, **options)])


@dataclass(frozen=True)
class Entry:
    """A network under test, and which arguments it has."""

    make: Callable[..., AutoregressiveNetwork]
    context: bool = True
    ordering: bool = True
    any_likelihood: bool = True
    inputs: bool = True
    differentiable: bool = True


LOOKED_UP = dict.fromkeys(("context", "any_likelihood", "inputs", "differentiable"), False)

NETWORKS = {
    "Independent": Entry(Independent, ordering=False, inputs=False),
    "FullyVisible": Entry(FullyVisible),
    "MADE": Entry(partial(MADE, hidden=[20])),
    "MADE, two layers, no direct": Entry(partial(MADE, hidden=[12, 15], direct=False)),
    "MADE, three masks": Entry(partial(MADE, hidden=[12, 15], masks=3)),
    "MADE, three orderings": Entry(partial(MADE, hidden=[20], masks=3, random_orderings=True)),
    "NADE": Entry(partial(NADE, hidden=5)),
    "Ensemble": Entry(ensemble),
    "PixelCNN": Entry(partial(PixelCNN, channels=8, blocks=2), ordering=False),
    "PixelCNN, 5×5": Entry(partial(PixelCNN, channels=4, blocks=1, kernel_size=5), ordering=False),
    "GatedPixelCNN": Entry(partial(GatedPixelCNN, channels=4, blocks=2), ordering=False),
    "ConditionalTables, dense": Entry(dense_tables, **LOOKED_UP),
    "ConditionalTables, tree": Entry(prefix_tree, **LOOKED_UP),
    "LSTM": Entry(partial(LSTM, hidden=6)),
    "LSTM, two layers": Entry(partial(LSTM, hidden=5, layers=2)),
    "Transformer": Entry(partial(Transformer, width=6, layers=2, heads=2)),
    "Transformer, window": Entry(partial(Transformer, width=6, layers=2, heads=2, window=3)),
    "Transformer, span": Entry(partial(Transformer, width=6, layers=2, heads=2, span=4)),
    "a network of one's own": Entry(LinearChain, inputs=False),
}

INPUTS = {
    "grey": lambda levels: GreyValues(),
    "one-hot": OneHot,
    "embedding": partial(Embedding, size=2),
}

every = pytest.mark.parametrize("entry", NETWORKS.values(), ids=NETWORKS)
every_input = pytest.mark.parametrize("inputs", INPUTS.values(), ids=INPUTS)
shapes = pytest.mark.parametrize(
    "shape", [(1, 3, 3), (2, 2, 3), (7,)], ids=["grey", "colour", "sequence"]
)
orderings = pytest.mark.parametrize("shuffled", [False, True], ids=["raster", "shuffled"])


def make(entry, shape=(1, 3, 3), shuffled=False, **options):
    """Make a network with weights far from zero, in float64."""
    if shuffled:
        options["ordering"] = torch.randperm(torch.Size(shape).numel())
    network = entry.make(shape, **options).double().eval()
    for parameter in network.parameters():
        parameter.data = 1.5 * parameter.data + 0.3 * torch.randn_like(parameter)
    return network


def make_or_skip(entry, shape=(1, 3, 3), shuffled=False, **options):
    if not entry.inputs and isinstance(options.get("inputs"), GreyValues):  # as by default
        del options["inputs"]
    wanted = {"context": "context_size" in options, "ordering": shuffled}
    wanted |= {"any_likelihood": "likelihood" in options, "inputs": "inputs" in options}
    for name, is_wanted in wanted.items():
        if is_wanted and not getattr(entry, name):
            pytest.skip(f"has no argument for {name}")
    return make(entry, shape, shuffled, **options)


def of_symbols(entry, inputs, shape=(1, 3, 3), shuffled=False, levels=3, **options):
    """Make a network whose pixels have three values, read by an encoding."""
    options |= {"likelihood": Categorical(levels), "inputs": inputs(levels)}
    return make_or_skip(entry, shape, shuffled, **options)


def all_images(shape, levels=2):
    pixels = torch.Size(shape).numel()
    digits = torch.arange(levels**pixels)[:, None] // levels ** torch.arange(pixels) % levels
    return digits.double().view(-1, *shape)


def numbers(images, levels=2):
    """Return the place of each image in `all_images`."""
    digits = images.flatten(1).long()
    return (digits * levels ** torch.arange(digits.shape[1])).sum(1)


def p_value(probabilities, counts):
    """Return the p-value of a chi-square test that merges cells with expected counts below 10."""
    expected = probabilities * counts.sum()
    rare = expected < 10
    cells = [torch.cat([t[~rare], t[rare].sum(0, keepdim=True)]) for t in (counts, expected)]
    observed, expected = (t[cells[1] > 0] for t in cells)
    return chisquare(observed, expected * observed.sum() / expected.sum()).pvalue


@torch.no_grad()
def by_steps(network, x, context=None):
    """Return raw outputs of the sequential view, in which pixels not yet drawn are NaN."""
    known = network.in_order(x)
    buffer = torch.full_like(known, torch.nan)
    raws = []
    for step, raw in enumerate(network.steps(buffer, context)):
        raws.append(raw.clone())
        buffer[:, step] = known[:, step]
    return network.to_image(torch.stack(raws, -1))


# two views of one function


@every
@shapes
@orderings
def test_both_views_agree(entry, shape, shuffled):
    network = make_or_skip(entry, shape, shuffled)
    x = torch.bernoulli(torch.full((7, *shape), 0.5).double())
    for member in network.members:
        torch.testing.assert_close(by_steps(member, x), member(x), rtol=0, atol=1e-10)
        single = copy.deepcopy(member).float()
        raw = single(x.float())
        assert raw.dtype == torch.float32
        # Sums of at most a hundred terms, in another order.
        rounding = 100 * torch.finfo(torch.float32).eps * raw.abs().max().clamp(min=1).item()
        torch.testing.assert_close(by_steps(single, x.float()), raw, rtol=0, atol=rounding)


@every
def test_both_views_agree_given_a_context(entry):
    network = make_or_skip(entry, context_size=4)
    x = torch.bernoulli(torch.full((7, 1, 3, 3), 0.5).double())
    context = torch.randn(7, 4).double()
    for member in network.members:
        torch.testing.assert_close(
            by_steps(member, x, context), member(x, context), rtol=0, atol=1e-10
        )


@every
@every_input
@shapes
def test_both_views_agree_with_symbols(entry, inputs, shape):
    network = of_symbols(entry, inputs, shape)
    x = torch.randint(3, (7, *shape)).double()
    for member in network.members:
        raw = member(x)
        assert raw.shape == (7, 3, *shape)
        torch.testing.assert_close(by_steps(member, x), raw, rtol=0, atol=1e-10)


@every
@every_input
def test_both_views_agree_with_symbols_in_another_order_given_a_context(entry, inputs):
    network = of_symbols(entry, inputs, (7,), shuffled=entry.ordering, context_size=2)
    x, context = torch.randint(3, (7, 7)).double(), torch.randn(7, 2).double()
    for member in network.members:
        raw = member(x, context)
        torch.testing.assert_close(by_steps(member, x, context), raw, rtol=0, atol=1e-10)


# which pixels a conditional may know


@every
@shapes
@orderings
def test_no_conditional_changes_with_its_own_or_a_later_pixel(entry, shape, shuffled):
    network = make_or_skip(entry, shape, shuffled)
    x = torch.bernoulli(torch.full((5, *shape), 0.5).double())
    for member in network.members:
        before = member.in_order(member(x))
        for step, position in enumerate(member.ordering):
            flipped = x.flatten(1).clone()
            flipped[:, position] = 1 - flipped[:, position]
            after = member.in_order(member(flipped.view_as(x)))
            assert torch.equal(after[..., : step + 1], before[..., : step + 1])


@every
@every_input
@shapes
def test_no_conditional_changes_with_its_own_or_a_later_symbol(entry, inputs, shape):
    """Each symbol in turn is replaced by both others; those of the first pixel are told apart."""
    network = of_symbols(entry, inputs, shape)
    x = torch.randint(3, (5, *shape)).double()
    for member in network.members:
        before, read = member.in_order(member(x)), []
        for step, position in enumerate(member.ordering):
            for shift in (1, 2):
                changed = x.flatten(1).clone()
                changed[:, position] = (changed[:, position] + shift) % 3
                after = member.in_order(member(changed.view_as(x)))
                assert torch.equal(after[..., : step + 1], before[..., : step + 1])
                read.append((after != before).any())
        if entry.inputs:
            assert read[0]
            assert read[1]


@every
@shapes
@orderings
def test_jacobian_has_no_entry_from_a_pixel_to_itself_or_an_earlier_one(entry, shape, shuffled):
    if not entry.differentiable:
        pytest.skip("has no Jacobian")
    network = make_or_skip(entry, shape, shuffled)
    x = torch.rand(shape).double()
    for member in network.members:

        def outputs(x, member=member):
            return member.in_order(member(x[None])[0])

        jacobian = torch.autograd.functional.jacobian(outputs, x)
        by_pixel = member.in_order(jacobian)  # (output, pixel of the output, pixel of the input)
        assert torch.equal(by_pixel, by_pixel.tril(-1))


@every
@shapes
@orderings
def test_the_public_check_takes_it(entry, shape, shuffled):
    check_network(make_or_skip(entry, shape, shuffled).float())


@every
@every_input
def test_the_public_check_takes_it_given_a_context_and_symbols(entry, inputs):
    check_network(of_symbols(entry, inputs, context_size=4))


# probabilities


@every
@shapes
@orderings
def test_probabilities_of_all_images_sum_to_one(entry, shape, shuffled):
    p = Autoregressive(make_or_skip(entry, shape, shuffled))
    log_prob = p.log_prob(all_images(shape))
    assert log_prob.exp().sum().item() == pytest.approx(1, abs=1e-10)


@every
def test_probabilities_sum_to_one_given_each_context(entry):
    network = make_or_skip(entry, context_size=3)
    log_prob = Autoregressive(network, torch.arange(3)).log_prob(all_images((1, 3, 3))[:, None])
    assert log_prob.shape == (512, 3)
    torch.testing.assert_close(log_prob.exp().sum(0), torch.ones(3).double())
    assert not torch.allclose(log_prob[:, 0], log_prob[:, 1])


@every
@pytest.mark.parametrize("shape", [(1,), (2, 3), (2, 1, 2, 2)], ids=str)
def test_images_of_other_dimensions(entry, shape):
    p = Autoregressive(make_or_skip(entry, shape))
    x = all_images(shape)
    assert p.log_prob(x).exp().sum().item() == pytest.approx(1, abs=1e-10)
    assert p.sample((4,)).shape == (4, *shape)
    assert (p.event_dim, p.support.event_dim) == (len(shape), len(shape))
    torch.testing.assert_close(by_steps(p.network, x), p.network(x), rtol=0, atol=1e-10)


@every
@every_input
@pytest.mark.parametrize("shape", [(1, 2, 2), (4,)], ids=["image", "sequence"])
def test_probabilities_of_symbols_sum_to_one(entry, inputs, shape):
    p = Autoregressive(of_symbols(entry, inputs, shape))
    total = p.log_prob(all_images(shape, levels=3)).exp().sum()
    assert total.item() == pytest.approx(1, abs=1e-10)


@every
def test_negative_log_prob_is_the_binary_cross_entropy(entry):
    network = make_or_skip(entry)
    x = torch.bernoulli(torch.full((6, 1, 3, 3), 0.5).double())
    for member in network.members:
        probabilities = member(x).squeeze(1).sigmoid()
        cross_entropy = F.binary_cross_entropy(probabilities, x, reduction="none").sum((1, 2, 3))
        torch.testing.assert_close(-Autoregressive(member).log_prob(x), cross_entropy)


# samples


@every
@orderings
def test_samples_follow_the_probabilities(entry, shuffled):
    """Chi-square test of 100,000 images of 3×3 pixels."""
    p = Autoregressive(make_or_skip(entry, shuffled=shuffled).float())
    probabilities = p.log_prob(all_images((1, 3, 3))).exp().detach()
    counts = numbers(p.sample((100_000,))).bincount(minlength=512)
    assert p_value(probabilities, counts) > FAILURE_RATE


@every
@every_input
@pytest.mark.parametrize("shape", [(1, 2, 2), (4,)], ids=["image", "sequence"])
def test_samples_of_symbols_follow_the_probabilities(entry, inputs, shape):
    p = Autoregressive(of_symbols(entry, inputs, shape))
    probabilities = p.log_prob(all_images(shape, levels=3)).exp().detach()
    counts = numbers(p.sample((20_000,)), levels=3).bincount(minlength=81)
    assert p_value(probabilities, counts) > FAILURE_RATE


@every
def test_samples_follow_each_context(entry):
    network = make_or_skip(entry, (1, 2, 2), context_size=2)
    p = Autoregressive(network, torch.eye(2).double())
    probabilities = p.log_prob(all_images((1, 2, 2))[:, None]).exp().detach()
    images = p.sample((20_000,))
    assert images.shape == (20_000, 2, 1, 2, 2)
    for row in range(2):
        counts = numbers(images[:, row]).bincount(minlength=16)
        assert p_value(probabilities[:, row], counts) > FAILURE_RATE


@every
@orderings
def test_completions_keep_what_is_given_and_follow_the_conditional(entry, shuffled):
    """Chi-square test against the 2^4 conditional probabilities by enumeration."""
    network = make_or_skip(entry, shuffled=shuffled)
    first = network.members[0]
    same = all(torch.equal(member.ordering, first.ordering) for member in network.members)
    if not same:
        pytest.skip("its members agree on no prefix")
    p = Autoregressive(network)
    observed = torch.zeros(9, dtype=torch.bool)
    observed[first.ordering[:5]] = True
    observed = observed.view(1, 3, 3)
    given = torch.bernoulli(torch.full((1, 3, 3), 0.5).double())

    images = all_images((1, 3, 3))
    log_probs = p.log_prob(images).detach()
    compatible = (images == given)[:, observed].all(1)
    conditional = (log_probs - log_probs[compatible].logsumexp(0)).exp() * compatible

    completed = p.complete(given.where(observed, torch.nan).expand(20_000, 1, 3, 3), observed)
    assert torch.equal(completed[:, observed], given[observed].expand(20_000, 5))
    counts = numbers(completed).bincount(minlength=512)
    assert p_value(conditional, counts) > FAILURE_RATE
    torch.testing.assert_close(
        p.prefix_log_prob(given, observed), log_probs[compatible].logsumexp(0)
    )


@every
@every_input
def test_completions_of_a_sequence_follow_the_conditional(entry, inputs):
    """Chi-square test against the 3^2 conditional probabilities by enumeration."""
    p = Autoregressive(of_symbols(entry, inputs, (4,)))
    if len({tuple(member.ordering.tolist()) for member in p.network.members}) > 1:
        pytest.skip("its members have no prefix in common")
    observed = torch.tensor([True, True, False, False])
    given = torch.tensor([2.0, 0.0, torch.nan, torch.nan]).double()
    every_end = torch.cat([given[:2].expand(9, 2), all_images((2,), levels=3)], 1)
    log_probs = p.log_prob(every_end).detach()
    completed = p.complete(given.expand(20_000, 4), observed)
    assert torch.equal(completed[:, :2], given[:2].expand(20_000, 2))
    counts = numbers(completed[:, 2:], levels=3).bincount(minlength=9)
    assert p_value(log_probs.softmax(0), counts) > FAILURE_RATE
    torch.testing.assert_close(p.prefix_log_prob(given, observed), log_probs.logsumexp(0))


@every
def test_the_same_seed_gives_the_same_images_as_one_pass_a_pixel(entry, monkeypatch):
    network = make_or_skip(entry)
    if type(network).steps is AutoregressiveNetwork.steps:
        pytest.skip("takes one pass a pixel")

    def draw():
        torch.manual_seed(1)
        return Autoregressive(network).sample((50,))

    fast = draw()
    monkeypatch.setattr(type(network), "steps", AutoregressiveNetwork.steps)
    assert torch.equal(draw(), fast)


@every
def test_no_image_and_one_image_can_be_drawn(entry):
    p = Autoregressive(make_or_skip(entry))
    assert p.sample((0,)).shape == (0, 1, 3, 3)
    assert p.sample().shape == (1, 3, 3)


# modules


def in_training(entry, inputs, shape=(1, 3, 3)):
    """Make a network of symbols with a context, as far as it has these arguments."""
    if not entry.any_likelihood:
        return make(entry, shape).train()
    return of_symbols(entry, inputs, shape, context_size=2).train()


@every
@every_input
def test_gradients_reach_every_parameter(entry, inputs):
    network = in_training(entry, inputs)
    context = torch.randn(20, 2).double() if entry.context else None
    x = torch.randint(network.likelihood.symbols, (20, 1, 3, 3))
    parameters = list(network.named_parameters())
    if not parameters:
        pytest.skip("has no parameters")
    sum(-Autoregressive(network, context).log_prob(x).sum() for _ in range(20)).backward()
    for name, parameter in parameters:
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def encoded_and_traced():
    """Yield every network with an embedding, which has weights, and one with every encoding."""
    for name, inputs in product(NETWORKS, INPUTS):
        if inputs == "embedding" or name == "MADE":
            yield pytest.param(NETWORKS[name], INPUTS[inputs], id=f"{inputs}-{name}")


@pytest.mark.parametrize(("entry", "inputs"), [*encoded_and_traced()])
def test_a_step_of_training_is_traced_given_labels(entry, inputs):
    """The traced graph returns the same numbers, so nothing waits for the value of a tensor."""
    if not entry.differentiable:
        pytest.skip("is not trained")
    network = in_training(entry, inputs, (1, 2, 2))  # a pixel is a step of the LSTM in the graph
    batch = torch.randint(3, (6, 1, 2, 2)), torch.tensor([0, 1, 1, 0, 1, 0])

    def step(x, labels):
        loss = -Autoregressive(network, labels).log_prob(x).sum()
        return loss, *torch.autograd.grad(loss, list(network.parameters()))

    with pyro.validation_enabled(False):
        graph = make_fx(step)(*batch)
        for seed in range(3):
            torch.manual_seed(seed)
            expected = step(*batch)
            torch.manual_seed(seed)
            with torch.no_grad():
                torch.testing.assert_close(graph(*batch), expected)


@every
def test_a_context_of_another_floating_type_is_taken(entry):
    network = make_or_skip(entry, context_size=4)
    x = torch.bernoulli(torch.full((7, 1, 3, 3), 0.5).double())
    context = torch.randn(7, 4)
    expected = Autoregressive(network, context.double()).log_prob(x)
    assert torch.equal(Autoregressive(network, context).log_prob(x), expected)


@every
def test_a_context_is_computed_in_half_precision(entry):
    network = make_or_skip(entry, context_size=4).float()
    x, linear = torch.bernoulli(torch.full((7, 1, 3, 3), 0.5)), torch.nn.Linear(3, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        context = linear(torch.ones(7, 3))
        assert context.dtype == torch.bfloat16
        log_prob = Autoregressive(network, context).log_prob(x)
    expected = Autoregressive(network, context).log_prob(x)
    torch.testing.assert_close(log_prob, expected, rtol=0.1, atol=0.1)


@every
def test_images_of_other_types_are_taken_in_that_of_the_network(entry):
    network = make_or_skip(entry)
    p, x = Autoregressive(network), torch.bernoulli(torch.full((7, 1, 3, 3), 0.5).double())
    nothing = torch.zeros((), dtype=torch.bool)
    for other in (x.float(), x.bfloat16(), x.to(torch.uint8), x.long(), x.bool()):
        assert torch.equal(p.log_prob(other), p.log_prob(x))
        assert torch.equal(p.prefix_log_prob(other, ~nothing), p.prefix_log_prob(x, ~nothing))
        assert torch.equal(p.complete(other, ~nothing), x)
    assert p.enumerate_support().dtype == p.sample().dtype == torch.float64


@every
@orderings
def test_a_state_dict_is_the_whole_state(entry, shuffled):
    network = make_or_skip(entry, shuffled=shuffled)
    other = make(entry, shuffled=shuffled)
    other.load_state_dict(network.state_dict())
    x = torch.bernoulli(torch.full((5, 1, 3, 3), 0.5).double())
    assert torch.equal(Autoregressive(other).log_prob(x), Autoregressive(network).log_prob(x))
    for member, same in zip(network.members, other.members, strict=True):
        assert torch.equal(by_steps(same, x), by_steps(member, x))


@every
def test_an_image_of_a_batch_is_as_by_itself(entry):
    network = make_or_skip(entry)
    x = torch.bernoulli(torch.full((5, 1, 3, 3), 0.5).double())
    torch.testing.assert_close(network(x)[3:4], network(x[3:4]))


# bad input


@every
@pytest.mark.parametrize("shape", [(), (0, 3, 3)], ids=str)
def test_a_shape_without_pixels_is_refused(entry, shape):
    with pytest.raises(
        ValueError, match=r"shape is \(.*expected a sequence of sizes|have the shape"
    ):
        make(entry, shape)


@every
@pytest.mark.parametrize(
    "ordering", [[0, 1, 2, 3, 4, 5, 6, 7, 7], [1, 0], list(range(1, 10))], ids=str
)
def test_an_ordering_that_is_no_permutation_is_refused(entry, ordering):
    if not entry.ordering:
        pytest.skip("takes no ordering")
    with pytest.raises(ValueError, match="ordering is"):
        make(entry, ordering=ordering)


@every
@pytest.mark.parametrize("likelihood", ["bernoulli", 17, Bernoulli], ids=str)
def test_what_is_no_likelihood_is_refused(entry, likelihood):
    if not entry.any_likelihood:
        pytest.skip("takes no likelihood")
    with pytest.raises(
        TypeError, match=r"likelihood is .*expected an object of ppgen.likelihoods.*Bernoulli\(\)"
    ):
        make(entry, likelihood=likelihood)


@every
def test_a_shape_that_is_a_number_is_refused(entry):
    if not entry.any_likelihood:
        pytest.skip("is made of tables, which have a shape")
    with pytest.raises(TypeError, match=r"shape is 64; expected a sequence .*\(length,\)"):
        entry.make(64)
    with pytest.raises(TypeError, match=r"shape is \(1, 2\.0, 2\); expected a sequence"):
        entry.make((1, 2.0, 2))


@every
def test_an_encoding_that_does_not_suit_the_likelihood_is_refused(entry):
    if not entry.inputs:
        pytest.skip("has no argument for inputs")
    for likelihood in (Categorical(4), Bernoulli(), SoftBernoulli(), ContinuousBernoulli()):
        for inputs in (OneHot(3), Embedding(3, size=5)):
            with pytest.raises(ValueError, match=r"inputs is .*levels=3.*; expected .* 3 symbols"):
                make(entry, likelihood=likelihood, inputs=inputs)
    with pytest.raises(
        TypeError, match=r"inputs is 'embedding'; expected an encoding, .*Embedding\("
    ):
        make(entry, inputs="embedding")


@every
def test_a_context_that_does_not_fit_is_refused(entry):
    with pytest.raises(ValueError, match="context is a tensor"):
        Autoregressive(make(entry), torch.zeros(3))
    if not entry.context:
        return
    network = make(entry, context_size=4)
    with pytest.raises(ValueError, match="context is None"):
        Autoregressive(network)
    with pytest.raises(ValueError, match=r"shape \(2, 3\).*length 4"):
        Autoregressive(network, torch.zeros(2, 3))
    with pytest.raises(ValueError, match="labels from 1 to 4"):
        Autoregressive(network, torch.tensor([1, 4]))
    with pytest.raises(ValueError, match="context_size is -1"):
        make(entry, context_size=-1)
    with pytest.raises(TypeError, match=r"context is \[1, 2\]; expected a dense tensor"):
        Autoregressive(network, [1, 2])
    with pytest.raises(TypeError, match=r"context is Tensor .* type torch\.bool; expected"):
        Autoregressive(network, torch.tensor([True, False]))


@every
def test_images_of_another_size_are_refused(entry):
    p = Autoregressive(make(entry))
    with pytest.raises(ValueError, match=r"value has the shape \(5, 1, 4, 4\)"):
        p.log_prob(torch.zeros(5, 1, 4, 4))
