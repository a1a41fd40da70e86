"""LSTM and transformer against torch's own cells and layers."""

import pytest
import torch
from torch import nn

import ppgen
from ppgen.autoregressive import LSTM, Transformer
from ppgen.distributions import Autoregressive
from ppgen.likelihoods import Bernoulli
from ppgen.models import AutoregressiveModel

NETWORKS = {
    "LSTM": lambda **options: LSTM((1, 3, 4), hidden=8, layers=2, **options),
    "Transformer": lambda **options: Transformer((1, 3, 4), width=8, layers=2, heads=2, **options),
    "Transformer, span": lambda **options: Transformer(
        (1, 3, 4), width=8, layers=2, heads=2, span=5, **options
    ),
}

every = pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)


def binary(n, *image):
    return torch.bernoulli(torch.full((n, *image), 0.5))


def tokens(network, x, context):
    """Return the tokens: the pixel before, the position and the context."""
    columns = []
    for step in range(network.pixels):
        token = network.position[step] + context @ network.context_weight
        if step > 0:
            before = x.flatten(1)[:, network.ordering[step - 1]]
            token = token + torch.outer(before, network.pixel_weight[0])
        columns.append(token)
    return torch.stack(columns, 1)


def test_the_lstm_is_cells_in_a_row():
    """Gates as in torch's LSTMCell, one layer after the other, the head on top."""
    network = LSTM((1, 3, 4), hidden=8, layers=2, context_size=3, ordering=torch.randperm(12))
    network = network.double()
    x, context = binary(5, 1, 3, 4).double(), torch.randn(5, 3).double()
    cells = [nn.LSTMCell(8, 8) for _ in range(2)]
    for layer, cell in enumerate(cells):
        for name, parameter in cell.named_parameters():
            parameter.data = getattr(network.lstm, f"{name}_l{layer}").data
    states = [(torch.zeros(5, 8).double(), torch.zeros(5, 8).double()) for _ in cells]
    raw = []
    for token in tokens(network, x, context).unbind(1):
        for layer, cell in enumerate(cells):
            states[layer] = cell(token, states[layer])
            token = states[layer][0]
        raw.append(network.head(token))
    expected = network.to_image(torch.stack(raw, -1))
    torch.testing.assert_close(network(x, context), expected)


@pytest.mark.parametrize("span", [None, 1, 5, 6, 11, 12, 30])
def test_the_transformer_is_torch_s_encoder_under_a_band_of_a_causal_mask(span):
    network = Transformer(
        (1, 3, 4),
        width=8,
        layers=2,
        heads=2,
        context_size=3,
        ordering=torch.randperm(12),
        span=span,
    ).double()
    x, context = binary(5, 1, 3, 4).double(), torch.randn(5, 3).double()
    hidden = tokens(network, x, context)
    unseen = torch.ones(12, 12, dtype=torch.bool).tril().triu(1 - (span or 12)).logical_not()
    for block in network.blocks:
        layer = nn.TransformerEncoderLayer(
            8, 2, 32, dropout=0, activation="gelu", batch_first=True, norm_first=True
        )
        layer.self_attn.in_proj_weight = block.queries_keys_values.weight
        layer.self_attn.in_proj_bias = block.queries_keys_values.bias
        layer.self_attn.out_proj = block.out
        layer.norm1 = block.norm
        layer.norm2, layer.linear1, _, layer.linear2 = block.perceptron
        hidden = layer(hidden, src_mask=unseen)
    expected = network.to_image(network.head(network.norm(hidden)).mT)
    torch.testing.assert_close(network(x, context), expected)


@every
def test_sampling_reads_each_pixel_once(make):
    network = make()
    read, lengths = network.read, []

    def counting(tokens, state=None):
        lengths.append(tokens.shape[1])
        return read(tokens, state)

    network.read = counting
    Autoregressive(network).sample((3,))
    assert lengths == [1] * 12


@every
def test_two_samplings_at_a_time_do_not_meet(make):
    network = make().eval()
    x, y = binary(4, 12), binary(4, 12)
    alone = [list(network.steps(images)) for images in (x, y)]
    together = zip(network.steps(x), network.steps(y), strict=True)
    for step, (of_x, of_y) in enumerate(together):
        assert torch.equal(of_x, alone[0][step])
        assert torch.equal(of_y, alone[1][step])


@every
def test_weights_for_another_ordering_bring_their_ordering(make):
    network, other = make(ordering=torch.randperm(12)), make()
    other.load_state_dict(network.state_dict())
    x = binary(4, 1, 3, 4)
    assert torch.equal(other(x), network(x))
    steps = [list(n.steps(n.in_order(x))) for n in (network, other)]
    assert torch.equal(torch.stack(steps[0]), torch.stack(steps[1]))


def test_with_a_window_each_pixel_reads_those_around_it_that_come_before():
    """The gradient of a token with respect to the image says which pixels it reads."""
    ordering, window = torch.randperm(30), 3
    network = Transformer((1, 5, 6), width=4, layers=1, window=window, ordering=ordering).double()
    x = torch.rand(1, 1, 5, 6, dtype=torch.double, requires_grad=True)
    read = []

    def keep(tokens, state=None):
        read.append(tokens)
        return tokens, state

    network.read = keep
    network(x)
    turn = ordering.argsort().view(5, 6)
    for step, place in enumerate(ordering.tolist()):
        (gradient,) = torch.autograd.grad(read[0][0, step].sum(), x, retain_graph=True)
        row, column = divmod(place, 6)
        rows, columns = torch.meshgrid(torch.arange(5), torch.arange(6), indexing="ij")
        around = ((rows - row).abs() <= 1) & ((columns - column).abs() <= 1)
        expected = (around & (turn < step)) | (turn == step - 1)
        assert torch.equal(gradient[0, 0] != 0, expected)


def test_an_ordering_that_comes_with_weights_moves_the_windows():
    orderings = [torch.arange(12).view(3, 4).flip(dims).flatten() for dims in ((0,), (1,))]
    one, other = (
        Transformer((1, 3, 4), width=8, layers=1, window=3, ordering=ordering)
        for ordering in orderings
    )
    other.load_state_dict(one.state_dict())
    x = binary(4, 1, 3, 4)
    assert torch.equal(other(x), one(x))


@every
def test_networks_saved_before_there_were_windows_are_read(make, tmp_path):
    network, x = make(), binary(4, 1, 3, 4)
    expected = network(x)
    del network._window, network.near
    ppgen.save(AutoregressiveModel(network), tmp_path / "old.pt")
    assert torch.equal(ppgen.load(tmp_path / "old.pt").network(x), expected)


@every
def test_weights_for_another_size_are_refused(make):
    larger = LSTM((1, 4, 4), hidden=8, layers=2)
    with pytest.raises(RuntimeError, match="size mismatch for ordering"):
        make().load_state_dict(larger.state_dict(), strict=False)


@every
def test_sampling_works_under_autocast(make):
    """The transformer's keys and values are then in bfloat16."""
    network = make()
    with torch.autocast("cpu", torch.bfloat16):
        images = Autoregressive(network).sample((3,))
        raw = network(images)
    assert Bernoulli().distribution(raw).support.check(images).all()
    torch.testing.assert_close(raw.float(), network(images), atol=0.1, rtol=0.1)


def test_both_views_agree_at_28_by_28():
    x = binary(2, 1, 28, 28).double()
    for network in (
        LSTM((1, 28, 28), hidden=16),
        Transformer((1, 28, 28), width=16, layers=2),
        Transformer((1, 28, 28), width=16, layers=2, span=56),
    ):
        network.double()
        with torch.no_grad():
            fast = torch.stack(list(network.steps(x.flatten(1))), -1)
            parallel = network(x).flatten(2)
        torch.testing.assert_close(fast, parallel)


# bad input


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LSTM((1, 3, 3), hidden=0), "hidden is 0; expected a whole number, 1 or more"),
        (lambda: LSTM((1, 3, 3), layers=0), "layers is 0"),
        (lambda: Transformer((1, 3, 3), width=0), "width is 0; expected a whole number, 1 or more"),
        (lambda: Transformer((1, 3, 3), width=6, heads=4), "width is 6 and heads 4; expected"),
        (lambda: Transformer((1, 3, 3), window=4), "window is 4; expected odd numbers"),
        (lambda: Transformer((1, 3, 3), heads=0), "heads is 0; expected a whole number, 1 or more"),
        (lambda: Transformer((1, 3, 3), span=0), "span is 0; expected a whole number, 1 or more"),
        (
            lambda: Transformer((1, 3, 3), layers=0),
            "layers is 0; expected a whole number, 1 or more",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_sizes_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LSTM((1, 3, 3), hidden=[3]), r"hidden is \[3\]; expected a whole number"),
        (lambda: LSTM((1, 3, 3), layers=1.0), r"layers is 1\.0; expected a whole number"),
        (lambda: Transformer((1, 3, 3), width=6.0), r"width is 6\.0; expected a whole number"),
        (lambda: Transformer((1, 3, 3), heads=2.0), r"heads is 2\.0; expected a whole number"),
        (lambda: Transformer((1, 3, 3), layers=None), "layers is None; expected a whole number"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_size_is_refused(make, message):
    with pytest.raises(TypeError, match=message):
        make()
