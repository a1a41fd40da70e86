import warnings

import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.figure import Figure
from torch.distributions import Normal

from ppgen import plots
from ppgen.figure import COLOURS


def grey(n):
    """Return ``n`` images of 3×3 pixels, each of one grey value, all different."""
    return torch.linspace(0, 1, n).view(n, 1, 1, 1).expand(n, 1, 3, 3)


def centres(figure, rows, columns, size=30):
    """Return the grey values at the centres of tiles with one pixel of padding.

    Images of 3×3 pixels are shown ten times as large.
    """
    pixels = torch.as_tensor(figure.axes[0].images[0].get_array())
    assert pixels.shape[:2] == (rows * (size + 1) + 1, columns * (size + 1) + 1)
    first = 1 + size // 2
    return pixels[first :: size + 1, first :: size + 1, 0]


FIGURES = {
    "image_grid": lambda: plots.image_grid(grey(5), title="five"),
    "image_grids": lambda: plots.image_grids({"a": grey(4), "b": grey(9)}),
    "image_rows": lambda: plots.image_rows({"a": grey(4), "b": grey(4)}, title="two"),
    "reconstructions": lambda: plots.reconstructions(grey(5), grey(5)),
    "curves": lambda: plots.curves({"a": ([1, 2], [3.0, 4.0])}, ylabel="nats"),
    "scatter": lambda: plots.scatter(torch.randn(9, 2), torch.arange(9) % 3),
    "manifold": lambda: plots.manifold(lambda z: grey(len(z)), latent=3, steps=4),
}


@pytest.mark.parametrize("make", FIGURES.values(), ids=FIGURES)
def test_a_figure_that_can_be_saved_and_pyplot_left_alone(make, tmp_path):
    before, settings = plt.get_fignums(), dict(plt.rcParams)
    backend = plt.get_backend()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = make()
        figure.savefig(tmp_path / "figure.png")
    assert isinstance(figure, Figure)
    assert (tmp_path / "figure.png").stat().st_size > 0
    assert plt.get_fignums() == before
    assert plt.get_backend() == backend
    assert dict(plt.rcParams) == settings


# grids


@pytest.mark.parametrize("channels", [1, 3])
def test_image_grid_accepts_grey_and_colour(channels):
    images = torch.rand(4, channels, 20, 20)
    figure = plots.image_grid(images)
    pixels = torch.as_tensor(figure.axes[0].images[0].get_array())
    first, last = pixels[1:21, 1:21].permute(2, 0, 1), pixels[22:42, 22:42].permute(2, 0, 1)
    assert pixels.shape == (43, 43, 3)
    assert torch.equal(first, images[0].expand(3, 20, 20))
    assert torch.equal(last, images[3].expand(3, 20, 20))


def test_small_images_are_shown_larger_so_that_the_lines_between_them_are_thin():
    images = torch.rand(2, 1, 8, 8)
    pixels = torch.as_tensor(plots.image_grid(images).axes[0].images[0].get_array())[..., 0]
    assert pixels.shape == (34, 67)
    for corner in (0, 3):
        assert torch.equal(pixels[1:-1, 1:33][corner::4, corner::4], images[0, 0])


@pytest.mark.parametrize(
    ("n", "columns", "rows_and_columns"),
    [(9, None, (3, 3)), (10, None, (3, 4)), (6, 2, (3, 2)), (3, 3, (1, 3))],
)
def test_image_grid_is_square_unless_columns_are_given(n, columns, rows_and_columns):
    values = centres(plots.image_grid(grey(n), columns), *rows_and_columns)
    assert torch.equal(values.flatten()[:n], torch.linspace(0, 1, n))


def test_image_grid_shows_one_image_and_its_title():
    figure = plots.image_grid(torch.rand(1, 1, 3, 3), title="one")
    assert figure.axes[0].get_title() == "one"


@pytest.mark.parametrize("dtype", [torch.uint8, torch.bfloat16, torch.float64])
def test_image_grid_takes_any_type_and_tensors_with_gradients(dtype):
    images = torch.ones(4, 1, 3, 3, dtype=dtype)
    if dtype.is_floating_point:
        images.requires_grad_()
    assert (centres(plots.image_grid(images), 2, 2) == 1).all()


def test_grey_values_are_not_stretched():
    image = plots.image_grid(torch.full((4, 1, 3, 3), 0.25)).axes[0].images[0]
    assert image.get_clim() == (0, 1)
    assert image.get_array()[2, 2, 0] == 0.25


def test_image_grids_has_a_titled_panel_for_each():
    figure = plots.image_grids({"samples": grey(4), "images": grey(9)})
    assert [axes.get_title() for axes in figure.axes] == ["samples", "images"]


def test_image_grids_have_a_title_above_and_the_height_of_their_images():
    grids = {"samples": grey(8), "images": grey(4)}
    plain, titled = plots.image_grids(grids, 4), plots.image_grids(grids, 4, "digits")
    assert titled.get_suptitle() == "digits"
    assert plain.get_figheight() < titled.get_figheight() < 3


def test_a_reconstruction_is_on_the_right_of_its_image():
    images = grey(4)
    values = centres(plots.reconstructions(images, 1 - images, pairs=2), 2, 4)
    expected = torch.tensor([[0, 1, 1 / 3, 2 / 3], [2 / 3, 1 / 3, 1, 0]])
    torch.testing.assert_close(values, expected)


@pytest.mark.parametrize("n", [1, 4])
def test_image_rows_are_named_beside_their_middle(n):
    figure = plots.image_rows({"first": grey(n), "second": 1 - grey(n), "third": grey(n)})
    values = centres(figure, 3, n)
    torch.testing.assert_close(values[0], torch.linspace(0, 1, n))
    torch.testing.assert_close(values[1], 1 - torch.linspace(0, 1, n))
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["first", "second", "third"]
    assert axes.get_yticks().tolist() == [15.5, 46.5, 77.5]  # tiles of 30 pixels and one of padding


def test_image_rows_of_different_lengths_are_refused():
    with pytest.raises(
        ValueError, match=r"'b' has the shape \(2, .*; expected .* first row, \(4, 1"
    ):
        plots.image_rows({"a": grey(4), "b": grey(2)})


# curves


def test_curves_are_drawn_under_their_names():
    lines = {"training": ([0, 1, 2], [3.0, 4.0, 5.0]), "validation": ([1, 2], [1.0, 2.0])}
    axes = plots.curves(lines, ylabel="nats", xlabel="step").axes[0]
    drawn = {line.get_label(): tuple(map(list, line.get_data())) for line in axes.lines}
    assert drawn == lines
    assert [text.get_text() for text in axes.get_legend().get_texts()] == list(lines)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "nats")


# points


def test_scatter_shows_each_label_in_a_colour_of_its_own():
    points, labels = torch.randn(30, 2), torch.arange(30) % 3 + 4
    axes = plots.scatter(points, labels, "right", "up").axes[0]
    for number, drawn in enumerate(axes.collections):
        assert drawn.get_label() == str(number + 4)
        torch.testing.assert_close(
            torch.as_tensor(drawn.get_offsets().data), points[number::3].double()
        )
    assert len({tuple(drawn.get_facecolor()[0]) for drawn in axes.collections}) == 3
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("right", "up")


def test_scatter_does_without_labels():
    axes = plots.scatter(torch.randn(30, 2, requires_grad=True)).axes[0]
    (drawn,) = axes.collections
    assert drawn.get_offsets().shape == (30, 2)
    assert axes.get_legend() is None


def test_scatter_has_colours_for_many_labels():
    axes = plots.scatter(torch.randn(26, 2), torch.arange(26)).axes[0]
    assert len({tuple(drawn.get_facecolor()[0]) for drawn in axes.collections}) == 26


# the manifold


def manifold_latents(latent, dimensions, steps):
    """Return the latents that `manifold` decodes, ``(steps, steps, latent)``, rows from the top."""
    seen = []

    def decode(z):
        seen.append(z)
        return grey(len(z))

    figure = plots.manifold(decode, latent, dimensions, steps)
    shown = centres(figure, steps, steps).flatten()
    assert torch.equal(shown, torch.linspace(0, 1, steps**2))
    (z,) = seen
    return z.view(steps, steps, latent)


@pytest.mark.parametrize(("latent", "dimensions"), [(2, (0, 1)), (5, (1, 3)), (4, [2, 0])])
def test_manifold_grows_to_the_right_and_upwards(latent, dimensions):
    z = manifold_latents(latent, dimensions, steps=6)
    across, up = z[..., dimensions[0]], z[..., dimensions[1]]
    quantiles = Normal(0.0, 1.0).icdf((torch.arange(6) + 0.5) / 6)
    assert (quantiles.diff() > 0).all()
    torch.testing.assert_close(across, quantiles.expand(6, 6))
    torch.testing.assert_close(up, quantiles.flip(0).expand(6, 6).T)


def test_manifold_says_where_it_is():
    axes = plots.manifold(lambda z: grey(len(z)), 2, steps=3).axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["-1.0", "0.0", "1.0"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["1.0", "0.0", "-1.0"]
    assert axes.get_xticks().tolist() == pytest.approx([(k + 0.5) * 94 / 3 for k in range(3)])


@pytest.mark.parametrize("steps", [5, 6])
def test_manifold_is_symmetric_about_zero(steps):
    z = manifold_latents(2, (0, 1), steps)
    torch.testing.assert_close(z, -z.flip(0, 1), atol=1e-5, rtol=1e-5)


def test_manifold_leaves_the_other_dimensions_at_zero():
    z = manifold_latents(5, (1, 3), steps=4)
    assert (z[..., [0, 2, 4]] == 0).all()
    assert (z[..., [1, 3]] != 0).all()


def test_manifold_names_its_dimensions_and_needs_no_gradient():
    weight = torch.ones(1, requires_grad=True)
    modes = []

    def decode(z):
        modes.append(torch.is_grad_enabled())
        return (grey(len(z)) * weight).clamp(0, 1)

    axes = plots.manifold(decode, 3, (2, 0), steps=3).axes[0]
    assert modes == [False]
    assert "$z_{3}$" in axes.get_xlabel()
    assert "$z_{1}$" in axes.get_ylabel()


def test_manifold_takes_the_type_of_a_model():
    types = []

    def decode(z):
        types.append(z.dtype)
        return grey(len(z))

    plots.manifold(decode, 3, steps=3, dtype=torch.float64)
    assert types == [torch.float64]


def test_no_image_is_no_grid():
    with pytest.raises(ValueError, match=r"images has the shape \(0, 1, 8, 8\)"):
        plots.image_grid(torch.zeros(0, 1, 8, 8))


@pytest.mark.parametrize("latent", [0, 1])
def test_manifold_needs_two_dimensions(latent):
    with pytest.raises(ValueError, match=f"latent is {latent}; expected a whole number, 2 or more"):
        plots.manifold(lambda z: grey(len(z)), latent)


# errors


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: plots.image_rows({}), "rows is {}; expected one or more rows of images"),
        (lambda: plots.image_grids({}), "grids is {}; expected one or more images"),
        (
            lambda: plots.reconstructions(grey(4), grey(3)),
            r"reconstructed has the shape \(3, 1, 3, 3\); expected that of images, \(4, 1, 3, 3\)",
        ),
        (
            lambda: plots.scatter(torch.zeros(4, 3)),
            r"points has the shape \(4, 3\); expected \(points, 2\)",
        ),
        (
            lambda: plots.scatter(torch.zeros(4, 2), torch.zeros(3)),
            r"labels has the shape \(3,\); expected \(4,\)",
        ),
    ],
    ids=["no row", "no grid", "reconstructions", "points of space", "labels"],
)
def test_what_makes_no_figure_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("dimensions", [(0, 5), (1, 1), (-1, 0), (0,), (0, 1, 2)], ids=str)
def test_manifold_needs_two_of_the_latent_dimensions(dimensions):
    with pytest.raises(ValueError, match=r"dimensions is .*; expected two different of 0 … 2"):
        plots.manifold(lambda z: grey(len(z)), 3, dimensions)


# notebooks


@pytest.mark.parametrize("make", FIGURES.values(), ids=FIGURES)
def test_a_notebook_shows_figures(make):
    assert make()._repr_png_().startswith(b"\x89PNG")  # which IPython asks for


LINES = {"a": ([1, 2], [3.0, 4.0])}
INTO_AXES = {
    "image_grid": lambda axes: plots.image_grid(grey(5), title="five", axes=axes),
    "curves": lambda axes: plots.curves(LINES, "nats", title="two", axes=axes),
    "scatter": lambda axes: plots.scatter(torch.randn(9, 2), title="nine", axes=axes),
    "manifold": lambda axes: plots.manifold(
        lambda z: grey(len(z)), 2, steps=4, title="plane", axes=axes
    ),
}


@pytest.mark.parametrize("draw", INTO_AXES.values(), ids=INTO_AXES)
def test_figures_are_drawn_into_given_axes(draw):
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert draw(right) is figure
    assert right.has_data()
    assert right.get_title()
    assert not left.has_data()


def test_axes_have_the_style_of_the_project_and_others_their_own():
    figure = plots.Figure((4, 3))
    (line,) = figure.add_subplot().plot([1, 2])
    assert line.get_color() == COLOURS[0]
    assert figure.get_layout_engine() is not None
    assert Figure().add_subplot().plot([1, 2])[0].get_color() != COLOURS[0]


def test_pixels_that_are_not_known_have_a_colour_of_their_own():
    images = torch.rand(2, 1, 20, 20)
    images[0, 0, 3, 5] = torch.nan
    pixels = torch.as_tensor(plots.image_grid(images).axes[0].images[0].get_array())
    assert pixels[4, 6].tolist() == pytest.approx(plots.MISSING)
    coloured = (pixels != pixels[..., :1]).any(-1)
    assert coloured.sum() == 1
