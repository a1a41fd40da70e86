"""The canvas on which a graph is drawn by mouse, pen or finger."""

from typing import TYPE_CHECKING

from nicegui import ui
from nicegui.events import GenericEventArguments, MouseEventArguments

from ppgen.explore.graphs.editor import HEIGHT, WIDTH, Point
from ppgen.explore.graphs.svg import Picture, Shown
from ppgen.graph.drawing import full_names
from ppgen.graph.nodes import Node

if TYPE_CHECKING:
    from ppgen.explore.graphs.page import GraphPage

STILL = 5  # pixels that a click may move
STEP = 10  # pixels of an arrow key
EVENTS = ["pointerdown", "pointermove", "pointerup", "pointercancel", "pointerleave", "dblclick"]
KEYS = {"ArrowLeft": (-1, 0), "ArrowRight": (1, 0), "ArrowUp": (0, -1), "ArrowDown": (0, 1)}
LABEL = "Canvas of the graph. Keys: n new node, Delete removes, Enter renames, arrows move."


class Canvas:
    """Turns gestures into changes of the graph.

    A click adds a node, or chooses the node or arrow under it. A node that is dragged onto another
    one becomes its parent; elsewhere it moves. A double click renames.
    """

    def __init__(self, page: "GraphPage") -> None:
        self.page = page
        self.held: Node | None = None
        self.start: Point = (0.0, 0.0)
        self.target: Node | None = None
        self.zoom = 1.0
        self.image = (
            ui.interactive_image(
                size=(WIDTH, HEIGHT), on_mouse=self._on_mouse, events=EVENTS, sanitize=False
            )
            .classes("canvas")
            .props(f'tabindex=0 role="application" aria-label="{LABEL}"')
            .on("keydown", self._on_key, args=["key", "ctrlKey"])
        )
        self.names = ui.label().classes("hint")
        self.picture = Picture(page.editor.dag)

    def draw(self, at: Point | None = None) -> None:
        """Draw the graph; ``at`` is where the pointer holds a node."""
        page, dag = self.page, self.page.editor.dag
        moved, pointer, path = {}, None, page.path
        if self.held is not None and at is not None:
            if self.target is None:
                moved = {self.held: at}
            else:
                pointer = (self.held, page.editor.places[self.target])
                path = page.editor.way(self.target, self.held) or path  # it would close a cycle
        picture = Picture(dag, moved)
        shown = Shown(path, page.failed, page.chosen, pointer)
        self.zoom = page.editor.zoom
        self.image.content = f'<g transform="scale({1 / self.zoom})">{picture.svg(shown)}</g>'
        if not moved:
            self.picture = picture
            self.names.set_text(", ".join(full_names(dag, page.canvas_nodes())))

    def let_go(self) -> None:
        """Forget what the pointer holds if it is no longer in the graph."""
        if not {self.held, self.target} - {None} <= set(self.page.canvas_nodes()):
            self.held = self.target = None

    def _on_mouse(self, event: MouseEventArguments) -> None:
        at = event.image_x * self.zoom, event.image_y * self.zoom
        if event.type == "pointerdown" and event.button == 0:
            self.held, self.start, self.target = self.picture.node_at(at), at, None
        elif event.type == "pointermove" and self.held is not None and event.buttons:
            over = self.picture.node_at(at)
            self.target = over if over != self.held else None
            self.draw(at)
        elif event.type == "pointerup" and event.button == 0:
            self._release(at)
        elif event.type == "dblclick" and (node := self.picture.node_at(at)) is not None:
            self.page.ask_name(node)
        elif event.type in ("pointercancel", "pointerleave") and self.held is not None:
            self.held = None
            self.draw()

    def _release(self, at: Point) -> None:
        held, target, page = self.held, self.target, self.page
        self.held = self.target = None
        still = max(abs(at[0] - self.start[0]), abs(at[1] - self.start[1])) <= STILL * self.zoom
        with page.reporting():
            if held is None and still:
                page.choose(self.picture.arrow_at(at) or page.editor.add(at))
            elif held is not None and target is not None:
                page.connect(held, target)
            elif held is not None and still:
                page.choose(held)
            elif held is not None:
                page.editor.move(held, at)
        self.draw()

    def _on_key(self, event: GenericEventArguments) -> None:
        page, key = self.page, event.args["key"]
        chosen = page.chosen
        with page.reporting():
            if key == "n":
                page.choose(page.editor.add(self._free_place()))
            elif event.args["ctrlKey"] and key in ("z", "y"):
                (page.editor.undo if key == "z" else page.editor.redo)()
            elif key in ("Delete", "Backspace") and chosen is not None:
                page.editor.delete(chosen)
            elif key == "Enter" and chosen in page.editor.dag.graph:
                page.ask_name(chosen)
            elif key in KEYS and chosen in page.editor.dag.graph:
                x, y = page.editor.places[chosen]
                page.editor.move(chosen, (x + STEP * KEYS[key][0], y + STEP * KEYS[key][1]))

    def _free_place(self) -> Point:
        """Place on a grid that is farthest from all nodes."""
        grid = [(x, y) for y in range(80, HEIGHT, 80) for x in range(80, WIDTH, 80)]
        taken = [place for place in self.page.editor.places.values() if place] or [(0.0, 0.0)]
        return max(grid, key=lambda p: min((p[0] - x) ** 2 + (p[1] - y) ** 2 for x, y in taken))
