"""Scripts exit before training if the parts of a data set do not suit them."""

import numpy as np
import pytest


@pytest.mark.parametrize(
    ("script", "options", "problem"),
    [
        ("frankenstein", [], "test images are of other classes than its validation images"),
        ("map_is_regularised_mle", [], "not both among the test images of --data olivetti"),
        ("pixelcnn", ["--conditional"], "--data olivetti has other classes there"),
    ],
)
def test_parts_that_share_no_person(run, tmp_path, script, options, problem):
    np.savez(tmp_path / "olivetti_faces.npz", images=np.zeros((400, 64, 64), np.uint8))
    with pytest.raises(SystemExit, match=problem):
        run(script, "--data", "olivetti", "--data-root", str(tmp_path), *options)


def test_parts_that_are_the_same_images(run):
    with pytest.raises(SystemExit, match="validation images are those that models are trained on"):
        run("frankenstein", "--data", "glyphs")
