"""The page for models in a browser: by mouse and by keys."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
import torch

import ppgen
from ppgen.autoregressive import MADE
from ppgen.models import PPCA, VAE, AutoregressiveModel, SigmoidBeliefNet

pytestmark = pytest.mark.browser

EXAMPLE = Path(__file__).parents[2] / "examples" / "vae.py"
NARROW = {"width": 820, "height": 1180}  # a tablet's window


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files of small models."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    x = ppgen.data.load("digits").binarized().train.images.float()
    vae = VAE.mlp((1, 8, 8), latent=10)
    ppgen.fit(vae, x, epochs=1, progress=False)
    ppgen.save(vae, folder / "vae.pt")
    ppgen.save(PPCA.from_images(x, latent=4), folder / "ppca.pt")
    made = AutoregressiveModel(MADE((1, 8, 8), hidden=[20], context_size=10))
    ppgen.save(made, folder / "made.pt")
    ppgen.save(SigmoidBeliefNet((1, 8, 8), latents=[9]), folder / "net.pt")
    return folder


@pytest.fixture
def opened(page, serve):
    """Open the page for some names, and wait for a text."""

    def go(*names, text, **query):
        page.goto(f"{serve('model', *map(str, names))}&{urlencode(query)}")
        page.get_by_text(text).first.wait_for()
        return page

    return go


@pytest.fixture
def shown(opened, folder):
    """Open the page for all small models, with one of them and a view of it."""

    def go(name, view, text):
        files = [folder / f"{file}.pt" for file in ("vae", "ppca", "made", "net")]
        return opened(*files, text=text, model=folder / f"{name}.pt", view=view)

    return go


def drag(page, pad, *points):
    """Drag over shares of an element's width and height."""
    box = pad.bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()


def changed(page, name, before):
    page.wait_for_function(
        "([name, before]) => [...document.querySelectorAll('img')].some("
        "i => i.alt == name && i.src != before)",
        arg=[name, before],
    )


def until_other(page, pad, source):
    image = pad.locator("img").element_handle()
    page.wait_for_function("([image, source]) => image.src != source", arg=[image, source])


def test_all_models_of_the_package_are_there_and_nothing_is_fetched_elsewhere(opened, picture):
    page = opened(text="Click or drag", view="Latent plane", model="mnist-vae")
    picture("model-plane")
    page.get_by_label("model or run").first.click()
    for name in ppgen.pretrained():
        page.get_by_role("option", name=name).wait_for()
    host = urlsplit(page.url).netloc
    assert {urlsplit(url).netloc for url in page.requests if not url.startswith("data:")} == {host}


def test_a_dragged_point_shows_its_image(shown):
    page = shown("vae", "Latent plane", "Click or drag")
    name = "mean image at the point"
    plane = page.get_by_role("application", name="Latent plane.")
    page.get_by_text("nearest test image").wait_for()
    before = page.locator(f"img[alt='{name}']").first.get_attribute("src")
    drag(page, plane, (0.2, 0.2), (0.7, 0.6))
    changed(page, name, before)
    page.get_by_role("button", name="start here").click()
    drag(page, plane, (0.7, 0.6), (0.3, 0.4))
    page.get_by_role("button", name="end here").click()
    page.locator("img[alt='images on the way']").first.wait_for()
    where = page.get_by_text(re.compile(r"^z\d+ = "))
    at = where.inner_text()
    plane.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("t => !document.body.innerText.includes(t)", arg=at)
    across, up = re.findall(r"z\d+(?= = )", where.inner_text())
    page.get_by_label("latent across").first.click()
    page.get_by_role("option", name=up, exact=True).click()
    page.get_by_text(re.compile(f"^{up} = .*, {across} = ")).wait_for()  # they change places


def test_a_rubbed_out_digit_is_completed_by_every_model(opened, picture):
    page = opened(text="after each stroke", view="Completion", model="mnist-mixture")
    page.get_by_label("part to rub out").first.click()
    page.get_by_role("option", name="nothing").click()
    pad = page.get_by_role("application", name="The digit.")
    drag(page, pad, (0.3, 0.6), (0.7, 0.6), (0.3, 0.8), (0.7, 0.8))
    for name in ("mnist-mixture", "mnist-vae"):  # which need no order of the pixels
        page.locator(f"img[alt^='{name}: mean']").first.wait_for(timeout=60_000)
    assert page.get_by_text("nats for what stood there").count() >= 2
    page.wait_for_function(
        "[...document.querySelectorAll('.model .q-spinner')].every((e) => !e.checkVisibility())",
        timeout=60_000,
    )
    picture("model-completion")


def test_a_digit_is_drawn_by_keys(opened):
    page = opened(text="after each stroke", view="Completion", model="mnist-mixture")
    page.get_by_role("button", name="blank").click()
    pad = page.get_by_role("application", name="The digit.")
    before = pad.locator("img").get_attribute("src")
    pad.focus()
    for key in ("ArrowDown", "ArrowRight", "Space"):
        page.keyboard.press(key)
    until_other(page, pad, before)


def test_pixels_are_drawn_and_flipped(shown):
    page = shown("made", "Pixel by pixel", "so far")
    page.get_by_role("button", name="one step", exact=True).click()
    page.get_by_text("1 of 64 pixels; the next, row 0, column 1").wait_for()
    page.get_by_role("button", name="play or pause").click()
    page.get_by_text("64 pixels drawn").wait_for()
    pad = page.get_by_role("application", name="The draw.")
    box = pad.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.3)
    pad.locator("svg rect").first.wait_for(state="attached")
    drawn = pad.locator("img").get_attribute("src")
    page.get_by_label("label").first.click()
    page.get_by_role("option", name="7", exact=True).click()
    until_other(page, pad, drawn)


def test_a_class_is_chosen(opened):
    page = opened(text="Classes of a digit", view="Classes", model="mnist-mixture")
    grid = page.get_by_role("application", name="Classes.")
    box = grid.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.35, box["y"] + box["height"] * 0.05)
    chosen = page.get_by_label(re.compile("class, 1 to 100")).first
    pytest.importorskip("playwright.sync_api").expect(chosen).to_have_value("4")


def test_causes_are_switched_and_the_bound_is_estimated(shown):
    page = shown("net", "Causes", "0 of 9 causes are on")
    causes = page.get_by_role("application", name="Causes.")
    box = causes.bounding_box()
    page.mouse.click(box["x"] + 10, box["y"] + 10)
    page.get_by_text("1 of 9 causes are on").wait_for()
    page.get_by_role("tab", name="Bound").click()
    page.get_by_role("button", name="Estimate").click()
    page.get_by_role("cell", name="1000").wait_for(timeout=60_000)


def test_a_fit_is_watched(opened, tmp_path):
    page = opened(tmp_path, text="Nothing is there yet")
    command = [sys.executable, str(EXAMPLE), "--quick", "--epochs", "2", "--out", str(tmp_path)]
    fit = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        page.get_by_text(re.compile(r"fit: epoch \d")).wait_for(timeout=120_000)
        page.get_by_text("samples_after.png").wait_for(timeout=120_000)
        assert fit.wait(timeout=120) == 0
        page.get_by_role("button", name="explore").click(timeout=60_000)
        page.get_by_role("tab", name="Latent plane").wait_for(timeout=60_000)
    finally:
        fit.kill()


@pytest.mark.slow
def test_names_with_markup_are_shown_as_text(opened, tmp_path):
    named = tmp_path / """a" innerHTML="<b id=bad>x<\\b>" y='.png"""
    ppgen.plots.image_grid(torch.rand(4, 1, 8, 8)).savefig(named, format="png")
    page = opened(tmp_path, text="innerHTML")
    assert page.locator("#bad").count() == 0


@pytest.mark.slow
def test_a_wrong_name_says_what_there_is():
    command = [sys.executable, "-m", "ppgen", "explore", "model", "mnist-vea", "--no-browser"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 2
    assert "mnist-vae" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_address_opens_no_file_that_was_not_named(opened):
    page = opened(text="model or run", model="/etc/passwd")
    assert page.get_by_text("passwd").count() == 0


@pytest.mark.parametrize("size", [{"width": 1280, "height": 800}, NARROW])
@pytest.mark.slow
def test_nothing_is_wider_than_the_window(shown, size):
    page = shown("vae", "Latent plane", "Click or drag")
    page.set_viewport_size(size)
    for view in ("Completion", "Bound", "Latent plane"):
        page.get_by_role("tab", name=view).click()
        page.wait_for_timeout(300)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= size["width"]
