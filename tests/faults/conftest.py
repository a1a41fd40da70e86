"""One thread for processes that are forked, and the end of a run that nothing disturbed."""

import pytest
import torch
from faulty_runs import fingerprint, train


@pytest.fixture(scope="session")
def one_thread():
    """Processes that are forked or killed may not share a pool of threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def whole(one_thread, tmp_path_factory):
    """The end of a run that was never killed."""
    return fingerprint(train(tmp_path_factory.mktemp("whole")))
