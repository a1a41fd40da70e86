"""Every likelihood's distribution follows Pyro's rules: shapes, types, masks, expand, support."""

import copy
import pickle

import pyro
import pytest
import torch
from likelihood_table import every, grey_images, image_shapes


@every
@image_shapes
@pytest.mark.parametrize("batch", [(), (5,), (2, 5), (3, 2, 5)], ids=str)
def test_shapes(case, batch, image):
    p = case.likelihood.distribution(case.make_raw(*batch, image=image))
    x = p.sample((4,))
    assert p.batch_shape == batch
    assert p.event_shape == image
    assert x.shape == (4, *batch, *image)
    assert p.log_prob(x).shape == (4, *batch)
    assert case.likelihood.mean(p).shape == (*batch, *image)
    assert case.likelihood.grey(x).shape == case.likelihood.network_input(x).shape == x.shape


@every
def test_samples_and_enumerated_values_are_floating_as_encoded_images_are(case):
    images = grey_images(case.levels[-1], n=5)
    encoded = case.likelihood.encode(images, case.levels[-1])
    p = case.likelihood.distribution(case.make_raw(5))
    values = [p.sample(), p.expand((2, 5)).sample()]
    if p.has_enumerate_support:
        values.append(p.base_dist.enumerate_support())
    assert {value.dtype for value in values} == {encoded.dtype}
    assert case.likelihood.draw(torch.zeros(5, case.likelihood.outputs)).dtype == encoded.dtype


@every
def test_raw_outputs_of_another_shape_than_the_images_are_refused(case):
    raw, outputs = case.make_raw(5), case.likelihood.outputs
    p = case.likelihood.of_images(raw, (5, 1, 3, 3))
    assert p.batch_shape == (5,)
    for wrong in (raw[:, 0], torch.cat([raw, raw], 1), raw[0], raw[..., :2], raw[None]):
        message = rf"raw has the shape .*; expected \(5, {outputs}, 1, 3, 3\), the outputs of"
        with pytest.raises(ValueError, match=message):
            case.likelihood.of_images(wrong, (5, 1, 3, 3))


@every
def test_a_batch_of_raw_outputs_is_each_of_them_by_itself(case):
    raw = case.make_raw(2, 5)
    x = case.likelihood.distribution(raw).sample()
    together = case.likelihood.distribution(raw).log_prob(x)
    for i, j in [(0, 0), (1, 3)]:
        alone = case.likelihood.distribution(raw[i, j]).log_prob(x[i, j])
        torch.testing.assert_close(together[i, j], alone)


@every
def test_expanded_distributions_stay_what_they_are(case):
    p = case.likelihood.distribution(case.make_raw(5))
    wide = p.expand((4, 5))
    x = wide.sample()
    assert x.shape == (4, 5, 1, 3, 3)
    assert len(x[:, 0].unique()) > 1
    torch.testing.assert_close(wide.log_prob(x), p.log_prob(x))
    torch.testing.assert_close(case.likelihood.mean(wide)[2], case.likelihood.mean(p))


@every
def test_masks_and_subsamples_count_each_image_by_itself(case):
    raw, mask = case.make_raw(6), torch.tensor([True, False, True])
    x = case.likelihood.distribution(raw).sample()

    def model():
        with pyro.plate("data", 6, subsample=torch.tensor([5, 0, 2])) as rows:
            p = case.likelihood.distribution(raw[rows])
            with pyro.poutine.mask(mask=mask):
                pyro.sample("x", p, obs=x[rows])

    expected = case.likelihood.distribution(raw).log_prob(x)[[5, 2]].sum() * 2
    found = pyro.poutine.trace(model).get_trace().log_prob_sum()
    torch.testing.assert_close(found, expected)


@every
def test_values_outside_the_support_are_refused(case):
    p = case.likelihood.distribution(case.make_raw())
    x = p.sample().float()
    x[0, 1, 1] = case.outside
    assert not p.support.check(x).any()
    with pytest.raises(ValueError, match="support"):
        p.log_prob(x)


@every
def test_copies_and_pickles_are_the_same_likelihood(case):
    raw = case.make_raw(5)
    p = case.likelihood.distribution(raw)
    x = p.sample()
    for other in (copy.deepcopy(case.likelihood), pickle.loads(pickle.dumps(case.likelihood))):
        assert repr(other) == repr(case.likelihood)
        assert torch.equal(other.distribution(raw).log_prob(x), p.log_prob(x))
