"""The end of a run that nothing disturbed."""

import pytest
from faulty_runs import fingerprint, train


@pytest.fixture(scope="module")
def whole(one_thread, tmp_path_factory):
    """The end of a run that was never killed."""
    return fingerprint(train(tmp_path_factory.mktemp("whole")))
