"""Panels beside the canvas. A new one is a class in a file of its own, and a line here."""

from ppgen.explore.graphs.panels.ask import Ask
from ppgen.explore.graphs.panels.data import Data
from ppgen.explore.graphs.panels.exchange import Exchange
from ppgen.explore.graphs.panels.learn import Learn
from ppgen.explore.graphs.panels.lists import Lists

PANELS = {"Ask": Ask, "Lists": Lists, "Data": Data, "Exchange": Exchange, "Learn": Learn}
