"""Errors of invalid arguments, images and masks."""

import pytest
import torch
from mixtures import SHAPE, make

import ppgen
from ppgen.models import BernoulliMixture


def test_bad_arguments(x):
    for shape in ((3, 3), (1, 0, 3)):
        with pytest.raises(ValueError, match=r"image_shape is .*expected \(channel, height, width"):
            BernoulliMixture(shape)
    with pytest.raises(ValueError, match="classes is 0; expected a whole number, 1 or more"):
        BernoulliMixture(SHAPE, classes=0)
    with pytest.raises(ValueError, match="pixel_pseudo_count is -1; expected a number, 0 or more"):
        BernoulliMixture(SHAPE, pixel_pseudo_count=-1)
    with pytest.raises(ValueError, match="class_pseudo_count is nan; expected a number, 0 or more"):
        BernoulliMixture(SHAPE, class_pseudo_count=float("nan"))
    with pytest.raises(ValueError, match="iterations is -1; expected a whole number, 0 or more"):
        make().fit_em(x, iterations=-1)
    with pytest.raises(ValueError, match="batch_size is 0"):
        make().fit_em(x, batch_size=0)


@pytest.mark.parametrize("call", ["log_likelihood", "responsibilities", "complete", "fit_em"])
def test_images_and_masks_that_do_not_fit_are_refused(call, x):
    mixture = make()
    whole = torch.ones(SHAPE, dtype=torch.bool)

    def use(images, observed=whole):
        return getattr(mixture, call)(images, observed)

    name = "images" if call == "fit_em" else "x"
    with pytest.raises(ValueError, match=rf"^{name} has the shape \(40, 9\); expected \(batch, ch"):
        use(x.flatten(1))
    with pytest.raises(ValueError, match=r"image 3 has the value 0.5; expected 0 and 1"):
        use(torch.cat([x[:3], 0.5 * torch.ones(1, *SHAPE)]))
    with pytest.raises(ValueError, match=r"observed is of type torch.float64; expected booleans"):
        use(x, whole.double())
    with pytest.raises(ValueError, match=r"observed has the shape \(4,\); .* \(40, 1, 3, 3\)"):
        use(x, torch.ones(4, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"observed has .*\(39, 1, 3, 3\)"):
        use(x, whole.expand(39, *SHAPE))


def test_grey_images_are_refused_by_fit():
    digits = ppgen.data.load("digits")
    with pytest.raises(ValueError, match="outside the support"):
        ppgen.fit(BernoulliMixture((1, 8, 8)), digits.train.images, epochs=1, progress=False)


def test_infinite_pseudo_counts_are_refused():
    for name in ("pixel_pseudo_count", "class_pseudo_count"):
        with pytest.raises(ValueError, match=f"{name} is inf; expected a number, 0 or more"):
            BernoulliMixture((1, 2, 2), 2, **{name: float("inf")})
