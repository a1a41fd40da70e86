"""Settings of the site: `python -m sphinx -W --keep-going docs docs/_build` makes it.

With `-t quick` the example scripts are shown, and not run.
"""

import builtins
import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "_extensions"))

import ppgen  # noqa: E402

project, author, copyright = "ppgen", "the ppgen developers", "the ppgen developers"  # noqa: A001
release = version = ppgen.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "myst_parser",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "chapters",
    "cheat_sheet",
    "imports",
    "scripts",
    "sphinx-mathjax-offline",
]
exclude_patterns = ["_build", "**/GALLERY_HEADER.rst", "chapters", "recipes"]
templates_path = ["_templates"]
nitpicky = True
nitpick_ignore = [("py:class", "lambda")]  # in the annotation of an alias
nitpick_ignore_regex = [  # pages of other projects need a network
    ("py:.*", r"(?!ppgen)\w+\..*"),
    ("py:class", "|".join(dir(builtins))),
]
suppress_warnings = ["config.cache"]  # functions among the settings

html_theme = "pydata_sphinx_theme"
html_title = "ppgen"
html_static_path = ["_static"]
html_css_files = ["ppgen.css"]
html_show_sourcelink = False
html_sidebars = {"index": [], "start": [], "explore": []}
html_theme_options = {
    "header_links_before_dropdown": 7,
    "show_prev_next": True,
    "navigation_with_keys": True,
    "secondary_sidebar_items": ["page-toc", "sg_download_links"],
    "pygments_light_style": "tango",
}

autosummary_generate = True
autosummary_ignore_module_all = False
autosummary_imported_members = True
autodoc_default_options = {"exclude-members": "set"}  # matplotlib makes it, for its own pages
autodoc_typehints = "none"  # numpydoc's parameters say more
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

sphinx_gallery_conf = {
    "examples_dirs": ["chapters", "recipes"],
    "gallery_dirs": ["tutorial", "how_to"],
    "filename_pattern": ".*",
    "within_subsection_order": "FileNameSortKey",
    "image_scrapers": ("matplotlib", "chapters.shown_figure"),
    "ignore_repr_types": "Figure",
    "reset_modules": ("chapters.reset",),
    "parallel": 2,
    "remove_config_comments": True,
    "show_memory": False,
    "write_computation_times": False,
    "show_signature": False,
    "download_all_examples": True,
    "default_thumb_file": str(DOCS / "_static" / "page.png"),
    "min_reported_time": 10**6,
    "reference_url": {"ppgen": None},
    "doc_module": ("ppgen",),
    "backreferences_dir": "reference/backreferences",
}
