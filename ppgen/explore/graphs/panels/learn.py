"""Stored graphs, and a quiz."""

from random import Random
from typing import TYPE_CHECKING

from nicegui import ui

from ppgen.explore.graphs.panels.panel import Panel
from ppgen.explore.graphs.queries import query_marks
from ppgen.explore.graphs.quiz import Question, ask
from ppgen.explore.graphs.stored import STORED, Stored
from ppgen.graph import DAG
from ppgen.graph.statements import as_html

if TYPE_CHECKING:
    from ppgen.explore.graphs.page import GraphPage


class Learn(Panel):
    """Shows a stored graph with its lesson, or asks about a random graph."""

    def __init__(self, page: "GraphPage") -> None:
        self.random = Random()
        self.lesson = ""
        self.question: Question | None = None
        self.answered: bool | None = None
        self.right = self.asked = 0
        with ui.row():
            for one in STORED:
                ui.button(one.name, on_click=lambda one=one: self._open(one)).props(
                    "outline dense no-caps"
                )
        ui.button("Quiz", on_click=self._ask)
        super().__init__(page)

    def content(self) -> None:
        """Show the lesson, or the question and its answer."""
        if self.question is None:
            ui.label(self.lesson)
            return
        statement = self.question.statement
        x, y = statement.sides
        given = ", ".join(sorted(map(str, statement.given)))
        ui.label(f"Are {x} and {y} independent" + (f", given {given}?" if given else "?")).classes(
            "verdict"
        )
        if self.answered is None:
            with ui.row():
                ui.button("independent", on_click=lambda: self._answer(True))
                ui.button("dependent", on_click=lambda: self._answer(False))
            return
        explanation = self.question.explanation
        ui.label("Right." if self.answered is explanation.separated else "Not so.")
        ui.html(as_html(str(explanation)), sanitize=False).classes("explanation")
        ui.label(f"{self.right} of {self.asked} right")
        ui.button("Next", on_click=self._ask)

    def _open(self, stored: Stored) -> None:
        self.question, self.lesson = None, stored.lesson
        self.page.editor.replace(DAG(stored.text))

    def _ask(self) -> None:
        self.question, self.answered = ask(self.random), None
        self.page.path = ()
        self.page.editor.replace(self.question.dag)

    def _answer(self, answer: bool) -> None:
        if self.question is None or self.answered is not None:  # a second click
            return
        explanation = self.question.explanation
        self.answered = answer
        self.asked += 1
        self.right += answer is explanation.separated
        if set(self.page.editor.dag.graph) != set(self.question.dag.graph):  # it was changed
            self.page.editor.replace(self.question.dag)
        self.page.path = () if explanation.separated else explanation.trails[0].nodes
        self.page.editor.mark(query_marks(self.question.statement))
