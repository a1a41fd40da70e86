"""Texts that make a careless reader go over them again and again; n is about their length."""


def numbered(n, form="n{}", separator=" "):
    """Write numbered words."""
    return separator.join(form.format(i) for i in range(n))


def square(n):
    """A matrix of ones, with about n of them."""
    size = int(n**0.5)
    names = numbered(size, "n{} 1", "\n")
    return f"{names}\n\n" + "\n".join([" ".join("1" * size)] * size)


VARIABLE = "variable v { }\nprobability ( v ) { }\n"
GRAPHML = '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'
GRAPH = '<graph edgedefault="directed">'
EDGE = '<edge source="a" target="b"/>'


def graphml(body, keys=""):
    """A whole GraphML text."""
    return f"{GRAPHML}{keys}{GRAPH}{body}</graph></graphml>"


def key(kind, name="a"):
    """A GraphML attribute of nodes or edges."""
    return f'<key id="k" for="edge" attr.name="{name}" attr.type="{kind}"/>'


TEXTS = {
    "text": {
        "quotes": lambda n: '"\n' * n,
        "escaped quotes": lambda n: '"' + '\\"' * n,
        "escapes": lambda n: '"' + "\\\\" * n + '"',
        "open comments": lambda n: "/* " * n,
        "comments": lambda n: " /**/" * n,
        "line comments": lambda n: "# //\n" * n,
        "slashes": lambda n: "a /" * n,
        "brackets": lambda n: "x[" * n,
        "indices": lambda n: "x" + "[1]" * n,
        "letters of an index": lambda n: "x[" + "b, " * n + "]",
        "open index": lambda n: "x[" + "1" * n,
        "marks": lambda n: "x[" + "latent " * n + "]",
        "values": lambda n: "x[" + 'k="v" ' * n + "]",
        "quotes in brackets": lambda n: 'x["' * n,
        "angles": lambda n: "x [label=" + "<a" * n + "]",
        "HTML": lambda n: "x [label=<" + "<b>" * n + ">]",
        "digits": lambda n: 'x [pos="' + "1" * n + ',1"]',
        "blank position": lambda n: 'x [pos="' + " " * n + '"]',
        "unknown mark": lambda n: "x [" + "a" * n + "]",
        "groups": lambda n: "{a" * n + "}" * n,
        "full groups": lambda n: "{" * 50 + numbered(n) + "}" * 50,
        "chains of groups": lambda n: numbered(n, "a{}->{{", ""),
        "arrows": lambda n: "->" * n,
        "hyphens": lambda n: "a-" * n,
        "edges of a PAG": lambda n: "a o-" * n,
        "settings": lambda n: "node [a=b] a=b " * n,
        "subgraphs": lambda n: "subgraph a {b}" * n,
        "wrappers": lambda n: "strict digraph {" * n,
        "commas": lambda n: "a," * n,
        "blanks": lambda n: " " * n + "->",
        "long name": lambda n: "a" * n,
        "nodes": lambda n: numbered(n, separator="\n"),
        "chain": lambda n: numbered(n, separator="->"),
        "cycle": lambda n: numbered(n, separator="->") + "->n0",
        "star": lambda n: f"a->{{{numbered(n)}}}",
        "arcs": lambda n: numbered(n, separator="<->"),
        "an edge many times": lambda n: "a->b;" * n,
        "attributes of groups": lambda n: f"{{{numbered(n)}}} [{numbered(n, 'k{}=1')}]",
        "attributes of chains": lambda n: f"{numbered(n, separator='->')} [{numbered(n, 'k{}=1')}]",
        "names of causes": lambda n: "a<->b;" + ";".join(
            '"U(a, b){}"'.format("'" * i) for i in range(int(n**0.5))
        ),
        "words of another format": lambda n: "variable " + "probability " * n,
        "lines of another format": lambda n: "a 1 \n" * n + " \n \na b",
        "blank lines": lambda n: "a 1\n" + " \n" * n + "a a",
        "words of a line": lambda n: "a 1 " + "1 @" * n + " x\n\na a",
        "XML after lines": lambda n: "\n" * n + "<x",
    },
    "bif": {
        "open comments": lambda n: VARIABLE + "/*" * n,
        "comments": lambda n: VARIABLE + "/**/" * n,
        "stars": lambda n: VARIABLE + "/*" + "*" * n,
        "slashes": lambda n: "network a/* {} // {\n" * n,
        "quotes": lambda n: VARIABLE + '"' * n,
        "open quotes": lambda n: VARIABLE + 'variable "' + '"\n' * n,
        "braces": lambda n: "variable v " + "{" * n,
        "closed braces": lambda n: "variable v " + "{" * n + "}" * n,
        "parentheses": lambda n: "variable v { } probability " + "(" * n,
        "networks": lambda n: "network { }" * n,
        "variables": lambda n: numbered(n, "variable v{} {{ }}"),
        "parents": lambda n: f"{numbered(n, 'variable v{} {{ }}')} probability (v0 | "
        f"{numbered(n, 'v{}', ',')}) {{ }}",
        "one parent": lambda n: VARIABLE.replace("( v )", f"( v | {','.join(['v'] * n)} )"),
        "table": lambda n: VARIABLE.replace("{ }", "{ table " + "0.5, " * n + "; }"),
        "long name": lambda n: VARIABLE.replace("v ", "v" * n + " "),
    },
    "lists": {
        "matrix": square,
        "chain": lambda n: numbered(n, "n{} 1", "\n") + "\n\n" + numbered(n, "n0 n{}", "\n"),
        "arcs": lambda n: numbered(n, "n{} 1", "\n") + "\n\n"
        + numbered(n, "n0 n{0}\nn{0} n0", "\n"),
        "long name": lambda n: "a " * n + "1\n\n" + "a " * n,
        "beginnings of a name": lambda n: "a " * n + "b 1\n\n" + "a " * n,
        "many beginnings": lambda n: "\n".join("a " * i + "1" for i in range(1, int(n**0.5)))
        + "\n\n" + "a " * n,
        "positions": lambda n: "a 1\nb 1\n\na b " + "@1,1 " * n,
        "unknown name": lambda n: numbered(n, "node{} 1", "\n") + "\n\nnode0 x",
        "escapes": lambda n: "%41" * n + " 1\n\n",
        "marks": lambda n: "a " + "E" * n + "\n\na",
    },
    "graphml": {
        "nodes": lambda n: graphml(numbered(n, '<node id="n{}"/>')),
        "edges": lambda n: graphml(numbered(n, '<edge source="n{}" target="m"/>')),
        "parallel edges": lambda n: graphml(EDGE * n),
        "numbers of parallel edges": lambda n: graphml(
            numbered(n, '<edge id="1{:06}" source="a" target="b"/>') + EDGE * n
        ),
        "keys of parallel edges": lambda n: graphml(
            numbered(n, '<edge source="a" target="b"><data key="k">1{:06}</data></edge>')
            + EDGE * n, key("int", "key"),
        ),
        "colliding parallel edges": lambda n: graphml("".join(
            f'<edge id="{i * (2**61 - 1)}" source="a" target="b"/>' for i in range(n)
        )),
        "elements in elements": lambda n: GRAPHML + "<a>" * n,
        "attributes": lambda n: "<graphml " + numbered(n, "a{}='x'") + "/>",
        "graphs": lambda n: GRAPHML + (GRAPH + "</graph>") * n + "</graphml>",
        "comment": lambda n: GRAPHML + "<!--" + " -" * n,
        "references": lambda n: graphml("&lt;" * n),
        "digits": lambda n: graphml(
            f'<edge source="a" target="b"><data key="k">{"1" * n}</data></edge>', key("double")
        ),
    },
    "csv": {
        "quotes": lambda n: '"\n' * n,
        "quoted lines": lambda n: 'a,b\n"x,1\n' * n,
        "commas": lambda n: "," * n,
        "lines": lambda n: "a\n" * n,
        "columns": lambda n: numbered(n, separator=",") + "\n" + numbered(n, "1", ","),
        "digits": lambda n: "a\n" + "1" * min(n, 100_000),
        "numbers": lambda n: "a\n" + "9" * 300 + "\n1" * n,
    },
    "metrics": {
        "brackets": lambda n: "[" * n,
        "lists": lambda n: '{"results": [' + "[]," * n + "1]}",
        "names": lambda n: "{" + numbered(n, '"n{}": 1', ",") + "}",
        "one name": lambda n: "{" + ",".join(['"n": 1'] * n) + "}",
        "escapes": lambda n: '{"a": "' + "\\u0041" * n + '"}',
        "blanks": lambda n: "{" + " " * n,
    },
    "pickle": {
        "one hash": lambda n: b"\x80\x04\x8f(" + b"".join(
            b"\x8a\x12" + (i * (2**61 - 1)).to_bytes(18, "little") for i in range(1, n)
        ) + b"\x90.",
        "tuples": lambda n: b"\x80\x04)" + b"\x85" * n + b".",
        "marks": lambda n: b"\x80\x04" + b"(" * n + b"t" * n + b".",
    },
}  # fmt: skip
"""By the name of the reader in the table of readers."""
