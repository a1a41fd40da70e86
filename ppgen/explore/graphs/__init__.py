"""The page for graphs: draw, ask, test, exchange, learn."""
