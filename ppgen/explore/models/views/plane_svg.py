"""The latent plane as SVG, in pixels of its picture."""

from html import escape

from torch import Tensor

from ppgen.explore.models.drawing import Place
from ppgen.plots import COLOURS

SIZE = 480
MARGIN = 24  # for the names of ticks and labels


def to_pixel(at: Place, reach: float) -> Place:
    """Return where a point of the plane lies, the second coordinate upwards.

    Examples
    --------
    >>> to_pixel((0.0, 0.0), reach=3.0), to_pixel((3.0, 3.0), reach=3.0)
    ((240.0, 240.0), (456.0, 24.0))
    """
    scale = (SIZE / 2 - MARGIN) / reach
    return SIZE / 2 + scale * at[0], SIZE / 2 - scale * at[1]


def at_pixel(pixel: Place, reach: float) -> Place:
    """Return the point of the plane at a pixel, at most ``reach`` from the axes.

    Examples
    --------
    >>> at_pixel((456.0, 240.0), reach=3.0), at_pixel((480.0, 240.0), reach=3.0)
    ((3.0, 0.0), (3.0, 0.0))
    """
    scale = reach / (SIZE / 2 - MARGIN)
    x, y = scale * (pixel[0] - SIZE / 2), scale * (SIZE / 2 - pixel[1])
    return min(max(x, -reach), reach), min(max(y, -reach), reach)


def points_svg(points: Tensor, labels: Tensor | None, reach: float) -> str:
    """Draw axes, and points ``(points, 2)`` coloured by their labels, with a legend.

    Examples
    --------
    >>> import torch
    >>> points_svg(torch.zeros(5, 2), torch.arange(5), reach=3.0).count("<circle")
    10
    """
    parts = [f'<rect width="{SIZE}" height="{SIZE}" fill="white"/>']
    for tick in range(-int(reach), int(reach) + 1):
        x, y = to_pixel((tick, tick), reach)
        colour = "#767676" if tick == 0 else "#dddddd"
        low, high = MARGIN, SIZE - MARGIN
        parts.append(f'<path d="M{x},{low} V{high} M{low},{y} H{high}" stroke="{colour}"/>')
        parts.append(_text(x, SIZE - 8, str(tick)) + _text(12, y + 4, str(tick)))
    names = [] if labels is None else sorted(set(labels.tolist()))
    colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
    of = [None] * len(points) if labels is None else labels.tolist()
    for (x, y), label in zip(points.tolist(), of, strict=True):
        x, y = to_pixel((x, y), reach)
        colour = colours.get(label, COLOURS[0])
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>')
    for i, (name, colour) in enumerate(colours.items()):
        x = MARGIN + 10 + 40 * i
        if x < SIZE - MARGIN:
            parts.append(f'<circle cx="{x}" cy="11" r="5" fill="{colour}"/>')
            parts.append(_text(x + 13, 16, str(name)))
    return "".join(parts)


def cross(at: Place, reach: float) -> str:
    """Draw the point that is moved.

    Examples
    --------
    >>> cross((0.0, 0.0), reach=3.0)[:18]
    '<path d="M240,228 '
    """
    x, y = to_pixel(at, reach)
    way = f"M{x:g},{y - 12:g} V{y + 12:g} M{x - 12:g},{y:g} H{x + 12:g}"
    return (
        f'<path d="{way}" stroke="white" stroke-width="6"/>'
        f'<path d="{way}" stroke="black" stroke-width="2.5"/>'
    )


def ring(at: Place, reach: float, name: str) -> str:
    """Draw a named point.

    Examples
    --------
    >>> "A" in ring((0.0, 0.0), 3.0, "A")
    True
    """
    x, y = to_pixel(at, reach)
    return (
        f'<circle cx="{x:g}" cy="{y:g}" r="10" fill="white" stroke="black" stroke-width="2"/>'
        + _text(x, y + 5, name)
    )


def _text(x: float, y: float, text: str) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" font-family="sans-serif" font-size="13" '
        f'text-anchor="middle" fill="#333">{escape(text)}</text>'
    )
