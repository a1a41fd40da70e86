"""Images, their maximum-likelihood PPCA, and real digits."""

import pytest
from dense_ppca import images_of

import ppgen
from ppgen.models import PPCA


@pytest.fixture
def x():
    return images_of(200)


@pytest.fixture
def ppca(x):
    return PPCA.from_images(x, latent=3)


@pytest.fixture(scope="module")
def digits():
    data = ppgen.data.load("digits")
    return data.train.images.double() / 16, data.test.images.double() / 16
