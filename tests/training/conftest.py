"""Images for the Gaussian program, and one thread for processes that are forked."""

import pytest
import torch


@pytest.fixture
def x():
    return torch.randn(60, 1, 1, 4) @ torch.tensor([1.0, 0.5, -0.5, 1.0]).diag()


@pytest.fixture(scope="module")
def one_thread():
    """Processes that are forked or killed may not share a pool of threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
