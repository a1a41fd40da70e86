"""A history as a table and as a figure."""

from matplotlib.figure import Figure

from ppgen.training import Epoch, History


def history(epochs, validated=True):
    """ELBOs that rise, and a validation that is best three epochs before the end."""
    rows = [Epoch(0, None, -50.0 if validated else None, 0.0, 1e-3)]
    for number in range(1, epochs + 1):
        validation = -abs(number - epochs + 3) - 20.0 if validated else None
        rows.append(Epoch(number, -40.0 + number, validation, 0.5, 1e-3))
    return History(rows)


def test_the_table_has_the_last_epoch_and_the_best():
    lines = repr(history(57)).splitlines()
    assert lines[0].split() == ["epoch", "elbo", "validation", "seconds"]
    assert lines[1].split() == ["0", "-50.000", "0.0"]
    assert [line.split() for line in lines if line.endswith("best")] == [
        ["54", "14.000", "-20.000", "0.5", "best"]
    ]
    assert lines[-1].split() == ["57", "17.000", "-23.000", "0.5"]
    assert len(lines) < 16


def test_the_table_of_a_fit_without_validation_and_of_none():
    assert repr(history(2, validated=False)).splitlines()[1:] == [
        "      0                                   0.0",
        "      1       -39.000                     0.5",
        "      2       -38.000                     0.5",
    ]
    assert len(repr(History()).splitlines()) == 1


def test_the_figure_leaves_out_the_untrained_program_and_marks_the_best_epoch():
    figure = history(9).plot()
    assert isinstance(figure, Figure)
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    assert lines.keys() == {"training", "validation", "best"}
    assert list(lines["validation"].get_xdata()) == [*range(1, 10)]
    assert list(lines["best"].get_xdata()) == [6, 6]


def test_it_is_drawn_into_given_axes():
    axes = Figure().add_subplot()
    assert history(3, validated=False).plot(axes) is axes.figure
    assert [line.get_label() for line in axes.lines] == ["training"]
    assert not History().plot().axes[0].has_data()
