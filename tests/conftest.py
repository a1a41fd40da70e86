"""Small programs and data that many tests share."""

import gc
import os
import signal

if "PYTEST_XDIST_WORKER" in os.environ:  # workers share the cores; set before torch is imported
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import pyro
import pytest
import torch

from ppgen.running import seed_generators

# They hold no doctests; collected as modules, those of several folders would be one "conftest".
collect_ignore_glob = ["*conftest.py"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background; tests press Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)

gc.set_threshold(50_000, 20, 100)  # what pytest and torch keep need not be looked through so often


@pytest.fixture(autouse=True)
def _own_seed_and_store():
    """Start every test from the same random numbers and an empty parameter store."""
    pyro.clear_param_store()
    seed_generators(0)


@pytest.fixture(scope="module")
def one_thread():
    """Processes that are forked or killed may not share a pool of threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def binary_images():
    """Forty binary images of 3×3 pixels."""
    return torch.bernoulli(torch.full((40, 1, 3, 3), 0.3))


@pytest.fixture
def default_dtype():
    """Set torch's floating-point type for the test."""
    before = torch.get_default_dtype()
    yield torch.set_default_dtype
    torch.set_default_dtype(before)
