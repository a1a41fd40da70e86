"""One table of the programs' ratios, with geometric means; and the figure of times to a loss."""

from pathlib import Path
from statistics import geometric_mean, median

from benchmarks.report import figure, markdown

RATIOS = {
    "traced": "fit, traced",
    "uncompiled": "fit, uncompiled",
    "Pyro": "Pyro's SVI.step",
    "torch.jit": "Pyro's SVI.step, torch.jit",
    "by hand": "by hand, fused Adam",
    "NumPyro": "NumPyro's svi.update",
    "NumPyro, run": "NumPyro's svi.run",
}
"""Names of the ways in the table's head."""

LEVEL = 1e-4
"""Losses differ if chance alone would make them so in fewer cases than this."""


def by_program(rows):
    """Return, for each program, its row for each of the ways."""
    programs = {}
    for row in rows:
        programs.setdefault(row["row"], {})[row["other"]["name"]] = row
    return programs


def losses(agreement) -> str:
    """Say whether losses agree, with the least p-value."""
    if not agreement:
        return ""
    way, least = min(agreement.items(), key=lambda item: item[1]["p"])
    if least["p"] >= LEVEL:
        return f"agree, p ≥ {least['p']:.2g}"
    percent = 100 * least["difference"] / abs(least["ours"])
    return f"{way}'s is {percent:+.2g} %, p = {least['p']:.0e}"


def summary(rows, facts) -> str:
    """Format a row for each program: times by ours, ratios of the others, seconds to be ready."""
    known = {fact["row"]: fact for fact in facts}
    head = ["program", "operations", "fit, ms", *RATIOS, "traced, s", "first, s", "cached, s",
            "NumPyro, s", "losses"]  # fmt: skip
    lines, ratios, seconds = [], {key: [] for key in RATIOS}, {}
    for name, ways in by_program(rows).items():
        found = {key: ways[way]["ratio"] if way in ways else None for key, way in RATIOS.items()}
        for key, ratio in found.items():
            ratios[key] += [ratio] if ratio else []
        ready = known[name]["ready"]
        waits = {key: ready.get(key) for key in ("traced", "first", "cached")}
        waits["NumPyro"] = ready["NumPyro"] and ready["NumPyro"]["update"]
        for key, value in waits.items():
            seconds.setdefault(key, []).extend([value] if value else [])
        ours = next(iter(ways.values()))["ours"]["median_ms"]
        numbers = [ready["operations"], ours, *found.values(), *waits.values()]
        lines.append([name, *map(figure, numbers), losses(known[name]["agreement"])])
    means = [figure(geometric_mean(r)) if r else "" for r in ratios.values()]
    medians = [figure(median(s)) if s else "" for s in seconds.values()]
    least = [figure(min(r)) if r else "" for r in ratios.values()]
    lines.append(["geometric mean; median of seconds", "", "", *means, *medians, ""])
    lines.append(["least", "", "", *least, *[""] * len(medians), ""])
    note = (
        "Ratios are medians of the other way divided by those of the compiled fit. Losses: means "
        "over the last tenth of the steps of fits by several seeds; p of Welch's t-test against "
        "ours, the smallest of the ways."
    )
    return f"{markdown(head, lines)}\n{note}"


def draw(rows, facts, file: Path) -> None:
    """Draw loss against seconds since the start, compilation included, for each program."""
    from matplotlib.figure import Figure

    programs = by_program(rows)
    across = min(4, len(facts))
    down = -(-len(facts) // across)
    page = Figure(figsize=(3.6 * across, 2.8 * down), layout="constrained")
    for fact, axes in zip(facts, page.subplots(down, across, squeeze=False).flat, strict=False):
        ways, ready, curves = programs[fact["row"]], fact["ready"], fact["curves"]
        ours = next(iter(ways.values()))["ours"]
        pyros, traced = ways["Pyro's SVI.step"]["other"], ways["fit, traced"]["other"]
        lines = [("Pyro's SVI.step", "Pyro", pyros, 0.0)]
        of_fit = {
            "first": ("fit, compiled first", ours),
            "cached": ("fit, from the cache", ours),
            "traced": ("fit, traced", traced),
        }
        for key, (label, way) in of_fit.items():
            if key in ready:  # in a trial run, some are left out
                lines.append((label, "fit", way, ready[key]))
        if "NumPyro" in curves:
            for key in ("update", "run"):
                way = ways[f"NumPyro's svi.{key}"]["other"]
                lines.append((way["name"], "NumPyro", way, ready["NumPyro"][key]))
        for label, key, way, wait in lines:
            steps, loss = zip(*curves[key], strict=True)
            seconds = [wait + step * way["median_ms"] / 1e3 for step in steps]
            axes.plot(seconds, loss, label=label, linewidth=1)
        axes.set(title=fact["row"], xscale="log", xlabel="seconds", ylabel="loss, nats")
        axes.title.set_fontsize("small")
    page.axes[0].legend(fontsize="x-small")
    page.savefig(file, format=file.suffix.removeprefix(".") or "png", dpi=150)
