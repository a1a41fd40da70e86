"""Text is readable: its contrast is what WCAG 2.1 asks for at level AA (section 1.4.3)."""

import pytest

from ppgen.explore.graphs.panels import PANELS

pytestmark = [pytest.mark.browser, pytest.mark.slow]

VIEWS = {
    "mnist-vae": ("Latent plane", "Click or drag"),
    "mnist-pixelcnn": ("Pixel by pixel", "Click a pixel"),
    "mnist-mixture": ("Classes", "class"),
    "mnist-belief-net": ("Causes", "cause"),
}

# Every visible text whose contrast with what is painted behind it is too low, with the contrast.
# Pictures are taken to be white.
TOO_FAINT = """() => {
  const rgba = (text) => {
    const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const over = (top, below) => top.slice(0, 3).map((c, i) => c * top[3] + below[i] * (1 - top[3]));
  const luminance = (colour) => {
    const [r, g, b] = colour.map((c) => {
      c /= 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    const layers = [];
    for (let e = element; e; e = e.parentElement)
      layers.push(rgba(getComputedStyle(e).backgroundColor));
    return layers.reduceRight((below, top) => over(top, below), [255, 255, 255]);
  };
  const faint = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode.textContent.trim(), element = walk.currentNode.parentElement;
    const visible = element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    const other = element.closest('[disabled], .disabled, .q-icon, style, script');
    if (!text || !visible || other) continue;
    const style = getComputedStyle(element), svg = element.closest('svg');
    const paper = svg ? [255, 255, 255] : behind(element);
    const ink = over(rgba(svg ? style.fill : style.color), paper);
    const [low, high] = [luminance(ink), luminance(paper)].sort((a, b) => a - b);
    const ratio = (high + 0.05) / (low + 0.05), size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5)) faint.push([text.slice(0, 40), Math.round(100 * ratio) / 100]);
  }
  return faint;
}"""


def test_texts_of_the_page_for_graphs(page, serve):
    page.goto(serve("dag", "a [exposure]; b [outcome]; a -> m -> b; a <- c -> b"))
    for name in PANELS:
        page.get_by_role("tab", name=name).click()
        page.wait_for_timeout(500)
        assert page.evaluate(TOO_FAINT) == []


@pytest.mark.parametrize("name", VIEWS)
def test_texts_of_the_page_for_models(page, serve, name):
    view, text = VIEWS[name]
    page.goto(f"{serve('model', *VIEWS)}&model={name}&view={view}")
    page.get_by_text(text).first.wait_for()
    page.wait_for_timeout(500)
    assert page.evaluate(TOO_FAINT) == []
