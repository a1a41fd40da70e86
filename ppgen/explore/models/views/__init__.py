"""Views of a model or of a run. A new one is a class in a file of its own, and a line here."""

from ppgen.explore.models.views.autoregressive import AutoregressiveView
from ppgen.explore.models.views.bound import BoundView
from ppgen.explore.models.views.causes import CausesView
from ppgen.explore.models.views.completion import CompletionView
from ppgen.explore.models.views.mixture import MixtureView
from ppgen.explore.models.views.plane import PlaneView
from ppgen.explore.models.views.run import RunView
from ppgen.explore.models.views.view import View

VIEWS: tuple[type[View], ...] = (
    PlaneView,
    AutoregressiveView,
    MixtureView,
    CausesView,
    CompletionView,
    BoundView,
    RunView,
)
