"""Files of a program that describe themselves."""

from pathlib import Path
from typing import Any

import torch

from ppgen.arguments import checked
from ppgen.data.batch import Data
from ppgen.data.streams import as_batches
from ppgen.kinds import suggestion
from ppgen.objectives.preparation import prepare
from ppgen.program import Program, as_program
from ppgen.training.archive import CheckpointError, read, readable, serialised, write
from ppgen.training.checkpoint import Checkpoints
from ppgen.training.description import check_same_program, identity

PRETRAINED = Path(__file__).parents[1] / "weights"
"""Files of the trained models that come with the package, in half precision, and their records."""


@checked
def save(program: Any, path: str | Path) -> None:
    """Write a program into one file, from which :func:`load` makes it again.

    The file holds the state of the program, and what it was made of: of a program of ppgen's own
    classes with networks of ``torch.nn`` all of it, of a user's own class or functions a
    description, by which the program that it is loaded into is checked. It is replaced as a whole
    or not at all: a CheckpointError says if it cannot be written.

    Parameters
    ----------
    program
        What :func:`ppgen.as_program` makes; functions with ``pyro.param`` after a first run.
    path
        Name of the file.

    Examples
    --------
    >>> import tempfile
    >>> import torch
    >>> import ppgen
    >>> vae = ppgen.models.VAE.mlp((1, 8, 8), latent=2, activation=torch.nn.Softplus)
    >>> path = Path(tempfile.mkdtemp(), "vae.pt")
    >>> save(vae, path)
    >>> load(path).encoder[2]
    Softplus(beta=1.0, threshold=20.0)
    """
    program = as_program(program)
    content = {"result": program.state_dict(), **identity(program)}
    write(readable({**content, "object": program}) or serialised(content), Path(path))


@checked
def load(path: str | Path, program: Any = None, data: Data | None = None) -> Program:
    """Read a program from a file of :func:`save`, from the folder of a fit, or by its name.

    Nothing that a file holds is executed: it may only hold objects of the classes of ppgen,
    ``torch.nn`` and Pyro.

    Parameters
    ----------
    path
        A file, or the ``out`` of a fit; then the weights are those that the fit ended with, or had
        reached when it was stopped. Or, if there is no such file, the name of a trained model
        that comes with the package, see :func:`ppgen.pretrained`.
    program
        A program made in the same way, changed in place. It is needed for a folder and for a
        program of a user's own classes or functions.
    data
        What it was fitted to, or alike, for a first run in which it makes its parameters: functions
        with ``pyro.param``, autoguides.

    Raises
    ------
    CheckpointError
        If there is no readable file and no model of the name; if it is of another program, naming
        the parts that differ; or if ``program`` is needed.

    Examples
    --------
    >>> import tempfile
    >>> import torch
    >>> import ppgen
    >>> vae, folder = ppgen.models.VAE.mlp((1, 8, 8), latent=2), tempfile.mkdtemp()
    >>> x = torch.zeros(10, 1, 8, 8)
    >>> history = ppgen.fit(vae, x, epochs=1, out=folder, progress=False)
    >>> again = load(folder, ppgen.models.VAE.mlp((1, 8, 8), latent=2))
    >>> ppgen.elbo(again, x).mean == ppgen.elbo(vae, x).mean
    True
    >>> load(folder, ppgen.models.VAE.mlp((1, 8, 8), latent=2, activation=torch.nn.Tanh))
    Traceback (most recent call last):
        ...
    ppgen.training.archive.CheckpointError: ... encoder.2 was 'ReLU' and is 'Tanh'; ...
    """
    content = _content(Path(path))
    if program is None:
        if not isinstance(content.get("object"), Program):
            raise CheckpointError(
                f"expected load(path, program) with a program that is made as it was: program is "
                f"None, and {path} holds no more than the state of a "
                f"{content.get('description', {}).get('program', 'program')}: it or a part of it "
                "is of a class of your own"
            )
        return content["object"]
    program = as_program(program)
    if data is not None:
        prepare(program, as_batches(data, device=program.device))  # as a fit begins
    check_same_program(program, content)
    program.load_state_dict(content["result"])
    program.observed = tuple(content.get("observed", ()))
    return program


def _content(path: Path) -> dict[str, Any]:
    """Read what a file holds; of a trained model of the package, in torch's default type."""
    if path.is_dir():
        return Checkpoints(path).load()
    if path.exists() or path.suffix or len(path.parts) > 1:
        return read(path)
    named = PRETRAINED / f"{path}.pt"
    if not named.exists():
        near = suggestion(path, (file.stem for file in PRETRAINED.glob("*.pt")))
        raise CheckpointError(f"{path} is no file, and no trained model of the package{near}")
    content = read(named)
    program = content["object"].to(torch.get_default_dtype())
    return {**content, "result": program.state_dict()}
