"""What all pages look like, and how they compute."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from nicegui import run, ui

P = ParamSpec("P")
T = TypeVar("T")

STYLE = """
body { font-size: 15px; color: #1a1a1a; }
.nicegui-content { padding: 8px 16px; max-width: 1500px; margin: auto; }
.head { font-size: 20px; font-weight: 600; }
.columns { display: flex; flex-wrap: wrap; gap: 16px; width: 100%; align-items: flex-start; }
.left { flex: 3 1 560px; min-width: 0; }
.right { flex: 2 1 360px; min-width: 0; }
.right .q-panel, .right .q-tab-panel { padding: 8px 4px; }
.canvas { width: 100%; border: 1px solid #767676; border-radius: 6px; touch-action: none;
  background: white; }
.canvas:focus-visible { outline: 3px solid #1f77b4; }
.bar { align-items: center; gap: 4px 8px; }
.hint { color: #555; font-size: 13px; }
.verdict { font-size: 18px; font-weight: 600; }
.separated { color: #1a6b2d; } .not-separated, .problem { color: #b3261e; }
.explanation ul { margin: 2px 0; padding-left: 20px; }
.content { width: 100%; }
.q-notification__actions .q-btn { color: inherit !important; }
.answers { gap: 0; max-height: 420px; overflow: auto; flex-wrap: nowrap; }
.short { min-width: 130px; } .right .q-select, .right .q-textarea { width: 100%; }
.q-tab-panels, .q-table__container { width: 100%; max-width: 100%; }
.q-uploader { width: 100%; max-height: none; } .q-uploader__list { min-height: 0; padding: 0; }
.nicegui-code { width: 100%; } .nicegui-code pre { white-space: pre-wrap; word-break: break-word; }
"""


def frame(title: str) -> None:
    """Add the style and the title of a page."""
    ui.add_css(STYLE)
    ui.colors(primary="#1a5a96")  # readable on white
    ui.page_title(f"{title} · ppgen")
    ui.label(title).classes("head").props('role="heading" aria-level="1"')


@contextmanager
def columns() -> Iterator[tuple[ui.element, ui.element]]:
    """Two columns, which are below each other in a narrow window."""
    with ui.element("main").classes("columns"):
        left, right = ui.column().classes("left"), ui.column().classes("right")
        yield left, right


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run what takes long in a thread, so that other tabs go on; it must not return None."""
    found = await run.io_bound(function, *args, **kwargs)
    if found is None:  # the server ends
        raise asyncio.CancelledError
    return found
