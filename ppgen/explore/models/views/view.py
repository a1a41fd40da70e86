"""What all views have in common."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from nicegui import ui

from ppgen.explore.layout import P, T, in_thread
from ppgen.explore.models.opened import Model
from ppgen.explore.models.run_folder import RunFolder

if TYPE_CHECKING:
    from ppgen.explore.models.page import ModelsPage

Thing = TypeVar("Thing", bound=Model | RunFolder)


class View(ABC, Generic[Thing]):
    """A tab of the page.

    A subclass sets ``name``, says by ``suits`` what it can show, computes in ``prepare`` what takes
    long, and builds itself in ``content``. It has the page and what it shows as ``page`` and
    ``thing``.
    """

    name: ClassVar[str]

    def __init__(self, page: "ModelsPage", thing: Thing) -> None:
        self.page, self.thing = page, thing
        self.root = ui.context.slot.parent
        with self.root:
            self.waiting = ui.spinner(size="32px")
        self.soon(self._begin)

    async def _begin(self) -> None:
        with self.page.reporting():
            await self.compute(self.prepare)
            self.waiting.delete()
            with self.root:
                self.content()

    @staticmethod
    @abstractmethod
    def suits(thing: Any) -> bool:
        """Whether a model or a run can be shown."""

    def prepare(self) -> object:
        """Compute, in a thread, what ``content`` needs; must not return None."""
        return self

    @abstractmethod
    def content(self) -> None:
        """Build the view, inside its tab."""

    async def compute(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run what takes long in a thread, as :func:`ppgen.explore.layout.in_thread` does."""
        found = await in_thread(function, *args, **kwargs)
        if self.root.is_deleted:  # the tab was left
            raise asyncio.CancelledError
        return found

    def soon(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run an asynchronous function after the event that is being handled."""
        with self.root:
            ui.timer(0, function, once=True)

    @contextmanager
    def busy(self, spinner: ui.spinner) -> Iterator[None]:
        """Show that something is being computed, and an error of it as a notice."""
        spinner.set_visibility(True)
        try:
            with self.page.reporting():
                yield
        finally:
            if not self.root.is_deleted:
                spinner.set_visibility(False)

    @staticmethod
    def bar() -> ui.row:
        """Return a row of controls."""
        return ui.row().classes("bar")
