"""The page for graphs in a browser: drawn by mouse and by keys, asked, tested, attacked."""

import socket
import subprocess
import sys
from time import monotonic
from urllib.parse import parse_qs, urlencode, urlsplit

import numpy as np
import pytest
from explore_server import Server

from ppgen.explore.graphs.stored import STORED
from ppgen.graph import DAG
from ppgen.graph.drawing import full_names

expect = pytest.importorskip("playwright.sync_api").expect
expect.set_options(timeout=15_000)
pytestmark = pytest.mark.browser

SEED = DAG("S -> A; S -> R; AP -> R; R -> G; S -> U; R -> U; R -> DB; R -> CM; DB -> CH; CM -> CH")
PLACES = {
    "S": (200, 80), "AP": (560, 80), "A": (100, 240), "R": (400, 240), "G": (700, 240),
    "U": (200, 400), "DB": (420, 400), "CM": (620, 400), "CH": (520, 560),
}  # fmt: skip


class Canvas:
    """Mouse on the canvas, in its pixels."""

    def __init__(self, page):
        self.page = page
        self.image = page.locator(".canvas img")
        page.wait_for_selector(".canvas img")

    def at(self, point):
        box = self.image.bounding_box()
        return box["x"] + point[0] * box["width"] / 960, box["y"] + point[1] * box["height"] / 640

    def click(self, point):
        self.page.mouse.click(*self.at(point))

    def drag(self, start, end):
        self.page.mouse.move(*self.at(start))
        self.page.mouse.down()
        middle = [(a + b) / 2 for a, b in zip(start, end, strict=True)]
        self.page.mouse.move(*self.at(middle))
        self.page.mouse.move(*self.at(end))
        self.page.mouse.up()

    def shows(self, text):
        return expect(self.page.locator(".canvas svg text", has_text=text).first)

    def rename(self, point, name):
        self.page.mouse.dblclick(*self.at(point))
        field = self.page.locator(".q-dialog input")
        field.fill(name)
        field.press("Enter")
        expect(self.page.locator(".q-dialog")).to_have_count(0)
        self.shows(name).to_be_attached()


def graph_of(page):
    """Graph in the address of a page."""
    return DAG(parse_qs(urlsplit(page.url).query).get("graph", [""])[0])


def assert_graph(page, dag):
    """Wait until the address of a page has a graph."""
    end = monotonic() + 15
    while not same(graph_of(page), dag):
        assert monotonic() < end, page.url
        page.wait_for_timeout(20)


def draw(page, serve, text=""):
    """Open the page with a graph."""
    page.goto(serve("dag") + "&" + urlencode({"graph": text}))
    page.wait_for_selector(".canvas img")


def open_tab(page, name):
    page.get_by_role("tab", name=name).click()


def same(first, second):
    return set(first.nodes) == set(second.nodes) and set(first.graph.edges) == set(
        second.graph.edges
    )


def test_the_graph_of_cats_and_dogs_is_drawn_by_mouse_and_asked_its_eight_statements(page, serve):
    draw(page, serve)
    canvas = Canvas(page)
    for name, place in PLACES.items():
        canvas.click(place)
        canvas.shows("a").to_be_attached()  # the first name that is free
        canvas.rename(place, name)
    for parent, child in SEED.graph.edges:
        before = page.locator(".canvas svg path[marker-end]").count()
        canvas.drag(PLACES[parent], PLACES[child])
        expect(page.locator(".canvas svg path[marker-end]")).to_have_count(before + 1)
    assert_graph(page, SEED)

    statements = [str(s) for s in graph_of(page).chain_rule_independencies()]
    assert len(statements) == 8
    for statement in statements:
        open_tab(page, "Lists")
        page.get_by_label("list").click()
        page.get_by_role("option", name="by the chain rule").click()
        page.get_by_role("button", name=statement, exact=True).click()
        open_tab(page, "Ask")
        expect(page.locator(".verdict")).to_have_text("separated")
        expect(page.locator(".explanation")).to_contain_text(statement)
    assert all(urlsplit(url).hostname in ("127.0.0.1", None) for url in page.requests)


def test_an_open_trail_is_drawn_and_blocked_by_what_the_page_names(page, serve, picture):
    draw(page, serve, f"{SEED.export()}; S [exposure]; AP [outcome]; CH [adjusted]")
    expect(page.locator(".verdict")).to_have_text("not separated")
    expect(page.locator(".canvas svg path[stroke='#c1272d']")).to_have_count(2)
    picture("graph-ask")
    page.get_by_role("button", name="nothing", exact=True).click()
    expect(page.locator(".verdict")).to_have_text("separated")
    expect(page.locator(".canvas svg path[stroke='#c1272d']")).to_have_count(0)


def test_a_cycle_is_refused_and_named(page, serve):
    draw(page, serve, 'x [pos="200,200"]; y [pos="600,200"]; x -> y')
    canvas = Canvas(page)
    canvas.drag((600, 200), (200, 200))
    expect(page.locator(".q-notification")).to_contain_text("x → y → x")
    expect(page.locator(".canvas svg path[marker-end]")).to_have_count(1)
    expect(page.locator(".canvas svg path[stroke='#c1272d']")).to_have_count(1)  # the way back


def test_a_node_that_goes_while_it_is_held_is_let_go(page, serve):
    draw(page, serve, 'p [pos="200,200"]')
    canvas = Canvas(page)
    canvas.click((600, 300))
    canvas.shows("a").to_be_attached()
    page.locator(".canvas").focus()
    page.mouse.move(*canvas.at((600, 300)))
    page.mouse.down()
    page.keyboard.press("Control+z")
    expect(page.locator(".canvas svg text", has_text="a")).to_have_count(0)
    page.mouse.move(*canvas.at((300, 400)))
    page.mouse.up()
    assert_graph(page, DAG("p"))


def test_a_question_outlives_its_graph(page, serve):
    draw(page, serve)
    open_tab(page, "Learn")
    page.get_by_role("button", name="Quiz").click()
    page.get_by_role("button", name="empty the canvas").click()
    expect(page.locator(".canvas svg rect")).to_have_count(0)
    page.get_by_role("button", name="dependent", exact=True).click()
    expect(page.locator(".explanation")).to_be_visible()
    Canvas(page).shows("f").to_be_attached()


def test_a_graph_is_drawn_by_keys_alone(page, serve):
    draw(page, serve)
    canvas = page.locator(".canvas")
    canvas.focus()
    for letter in "ab":
        page.keyboard.press("n")
        Canvas(page).shows(letter).to_be_attached()
    page.keyboard.press("Enter")
    page.locator(".q-dialog input").fill("effect")
    page.keyboard.press("Enter")
    Canvas(page).shows("effect").to_be_attached()
    page.get_by_label("selected").fill("a")
    expect(page.get_by_role("option")).to_have_text(["a"])  # of two nodes, those with an a
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("option")).to_have_count(0)
    expect(page.get_by_label("arrow to")).to_be_enabled()
    page.get_by_label("arrow to").press("Enter")
    expect(page.get_by_role("option", name="effect")).to_be_visible()
    page.get_by_role("option", name="effect").press("Enter")
    expect(page.locator(".canvas svg path[marker-end]")).to_have_count(1)
    assert_graph(page, DAG("a -> effect"))


def test_a_table_is_tested_and_the_failing_statement_is_drawn(page, serve, tmp_path, picture):
    draw(page, serve, "x -> y; x -> z")
    x, e = np.random.default_rng(0).normal(size=(2, 500))
    table = tmp_path / "table.csv"  # y and z share e, which the graph denies
    rows = "\n".join(f"{a},{a + b},{a - b}" for a, b in zip(x, e, strict=True))
    table.write_text(f"x,y,z\n{rows}\n")
    open_tab(page, "Data")
    page.locator("input[type=file]").set_input_files(table)
    expect(page.get_by_role("cell", name="REJECTED")).to_be_visible()
    expect(page.locator(".canvas svg path[stroke-dasharray='2 7']")).to_have_count(1)
    picture("graph-data")
    page.get_by_role("cell", name="y ⊥ z | x").click()
    open_tab(page, "Ask")
    expect(page.locator(".verdict")).to_have_text("separated")


@pytest.mark.parametrize(
    "table",
    ["x,y\n1,2\n1,2,3\n", "x,x\n1,2\n", "\0\0,y\n", "<img src=q onerror=alert(1)>,=cmd()\n1,2\n"],
    ids=["ragged", "one name twice", "binary", "markup"],
)
@pytest.mark.slow
def test_a_hostile_table_is_a_notice(page, serve, tmp_path, table):
    draw(page, serve, "x -> y; x -> z")
    file = tmp_path / "<b>table.csv"
    file.write_text(table)
    open_tab(page, "Data")
    page.locator("input[type=file]").set_input_files(file)
    expect(page.locator(".q-notification")).to_be_visible()
    assert page.locator(".q-notification img").count() == 0


def test_names_with_markup_are_texts(page, serve):
    name = "<img src=q onerror=alert(1)>"
    draw(page, serve, f'"{name}" [exposure]; b [outcome]; "{name}" -> b')
    Canvas(page).shows(name).to_be_attached()
    expect(page.locator(".explanation")).to_contain_text(name)
    for tab in ("Lists", "Exchange"):
        open_tab(page, tab)
        page.wait_for_timeout(300)
    assert page.locator("img[src=q]").count() == 0


@pytest.mark.parametrize(
    "text", ["a -> b -> a", "a -> ", "<graphml><graph>", "digraph { a -> { b ", "a [x=\0"]
)
@pytest.mark.slow
def test_a_text_that_is_no_graph_leaves_the_graph_as_it_was(page, serve, text):
    draw(page, serve, "p -> q")
    open_tab(page, "Exchange")
    page.get_by_label("graph as text").fill(text)
    page.get_by_role("button", name="Draw this text").click()
    expect(page.locator(".q-notification")).to_be_visible()
    assert_graph(page, DAG("p -> q"))


@pytest.mark.parametrize("text", ["a -> b -> a", "a -> ", "; ".join(f"n{i}" for i in range(400))])
@pytest.mark.slow
def test_an_address_with_no_graph_to_show_opens_an_empty_canvas(page, serve, text):
    draw(page, serve, text)
    expect(page.locator(".q-notification")).to_be_visible()
    assert page.locator(".canvas svg rect").count() == 0


def test_two_tabs_are_two_graphs_and_a_page_that_is_loaded_again_keeps_its_own(page, serve):
    draw(page, serve, "p -> q")
    other = page.context.new_page()
    draw(other, serve, "p -> q")
    Canvas(page).click((50, 50))
    assert_graph(page, DAG("p -> q; a"))
    page.reload()
    Canvas(page).shows("a").to_be_attached()
    assert_graph(page, DAG("p -> q; a"))
    assert_graph(other, DAG("p -> q"))


@pytest.mark.parametrize("stored", STORED, ids=[one.name for one in STORED])
@pytest.mark.slow
def test_stored_graphs_open(page, serve, stored):
    draw(page, serve)
    open_tab(page, "Learn")
    page.get_by_role("button", name=stored.name, exact=True).click()
    Canvas(page).shows(DAG(stored.text).nodes[-1]).to_be_attached()
    assert_graph(page, DAG(stored.text))
    expect(page.get_by_text(stored.lesson)).to_be_visible()
    for name in full_names(DAG(stored.text), DAG(stored.text).nodes):
        expect(page.get_by_text(name)).to_be_visible()


def test_the_quiz_judges_by_the_graph(page, serve, picture):
    draw(page, serve)
    open_tab(page, "Learn")
    page.get_by_role("button", name="Quiz").click()
    page.get_by_role("button", name="independent", exact=True).click()
    said = page.locator(".explanation").inner_text()
    right = "depend on each other" not in said
    expect(page.get_by_text("1 of 1 right" if right else "0 of 1 right")).to_be_visible()
    picture("graph-quiz")


PROGRAM = """
import pyro
import pyro.distributions as dist

def model(x=None):
    p = pyro.sample("p", dist.Beta(1, 1))
    with pyro.plate("tosses", 3):
        pyro.sample("x", dist.Bernoulli(p), obs=x)
"""


@pytest.mark.slow
def test_the_graph_of_a_program_has_its_plates(page, tmp_path):
    file = tmp_path / "program.py"
    file.write_text(PROGRAM)
    server = Server("dag", f"{file}:model")
    page.goto(server.address)
    Canvas(page).shows("tosses").to_be_attached()
    assert_graph(page, DAG("p -> x"))
    assert "Traceback" not in server.stop()


def test_a_narrow_window_has_no_sideways_scroll(page, serve):
    page.set_viewport_size({"width": 820, "height": 1180})
    draw(page, serve, "S -> A; S -> R")
    for tab in ("Lists", "Data", "Exchange", "Learn", "Ask"):
        open_tab(page, tab)
        page.wait_for_timeout(200)
        assert page.evaluate("document.documentElement.scrollWidth") <= 820


def test_nobody_gets_in_without_the_token(page, serve, browser):
    address = serve("dag")
    root = address.partition("?")[0]
    draw(page, serve, "p -> q")
    Canvas(page).shows("p").to_be_attached()
    assert "token" not in page.url
    stranger = browser.new_context()
    opened = stranger.new_page()
    for path in ("", "?token=wrong", "_nicegui/components", "_nicegui_ws/socket.io/?EIO=4"):
        assert opened.goto(root + path).status == 403, path
    stranger.close()


@pytest.mark.slow
def test_a_page_outlives_its_server_and_opens_in_the_next_one(page):
    server = Server("dag", "p [exposure]; q [outcome]; p -> q")
    page.goto(server.address)
    Canvas(page).click((50, 50))
    drawn = DAG("p -> q; a")
    assert_graph(page, drawn)
    assert "Traceback" not in server.stop()
    expect(page.get_by_text("Connection lost")).to_be_visible()
    Canvas(page).shows("a").to_be_attached()
    port, query = urlsplit(page.url).port, urlsplit(page.url).query
    server = Server("dag", "--port", str(port))
    page.goto(f"{server.address}&{query}")
    Canvas(page).shows("a").to_be_attached()
    assert same(graph_of(page), drawn)
    server.stop()


def test_a_port_that_is_taken_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "ppgen", "explore", "dag", "--port", port, "--no-browser"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert f"--port is {port}" in done.stderr
