"""MkDocs' part of the site: lists may follow their sentence at once, as on GitHub, examples are code, and notebooks are
pages with the outputs that they hold; none is run."""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import griffe
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

_ITEM = re.compile(r"(-|\d+\.) ")
_LIE = "../datasets/README.md"
_EXAMPLE = re.compile(r"(?m)^>>> (?:.+\n?)+")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Adds a page for each notebook, and its pictures, and where data sets lie."""
    lie = Path(config.docs_dir, _LIE).read_text(encoding="utf-8").replace("](../docs/", "](")
    files.append(File.generated(config, "datasets.md", content=lie))
    for notebook in [file for file in files if file.src_uri.endswith(".ipynb")]:
        name, blocks = notebook.src_uri.removesuffix(".ipynb"), []
        for block in _blocks(json.loads(notebook.content_string)["cells"]):
            if isinstance(block, Picture):
                file = File.generated(config, f"{name}-{len(blocks)}.{block.ending}", content=block.content)
                files.append(file)
                block = f"![{block.alt}]({PurePosixPath(file.src_uri).name})"
            blocks.append(block)
        files.append(File.generated(config, f"{name}.md", content="\n\n".join(blocks)))
    return files


class Picture(NamedTuple):
    """A picture that a notebook holds."""

    ending: str
    content: bytes
    alt: str


def _blocks(cells: list[dict[str, Any]]) -> Iterator[str | Picture]:
    """A notebook's cells and outputs as Markdown, and its pictures."""
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            yield source
            continue
        language, code = ("bash", source[7:]) if source.startswith("%%bash\n") else ("python", source)
        yield f"```{language}\n{code}\n```"
        for output in cell["outputs"]:
            printed = "".join(output.get("text", ()))
            yield f"``` {{ .text .no-copy .printed }}\n{printed}\n```" if printed else _picture(output)


def _picture(output: dict[str, Any]) -> Picture:
    data = output["data"]
    if "image/svg+xml" in data:
        svg = "".join(data["image/svg+xml"])
        return Picture("svg", svg.encode(), re.findall(r'aria-label="([^"]*)"', svg)[0])
    kind = "image/png" if "image/png" in data else "image/jpeg"
    return Picture(kind[6:], base64.b64decode(data[kind]), output["metadata"][kind]["alt"])


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Puts a blank line before each list; code is left as it is. Links to what is made a page here lead to it."""
    lines: list[str] = []
    markdown = markdown.replace(".ipynb)", ".md)").replace(f"({_LIE})", "(datasets.md)")
    code = False
    for line in markdown.split("\n"):
        code ^= line.lstrip().startswith("```")
        before = lines[-1] if lines else ""
        if not code and _ITEM.match(line) and before and not _ITEM.match(before) and not before.startswith(" "):
            lines.append("")
        lines.append(line)
    return "\n".join(lines)


class Examples(griffe.Extension):
    """Fences the examples of docstrings, which are doctests."""

    def on_object(self, *, obj: Any, **_: Any) -> None:
        """Called for each module, class and function."""
        if obj.docstring:
            fenced = _EXAMPLE.sub(lambda found: f"```pycon\n{found[0].rstrip()}\n```\n", obj.docstring.value)
            obj.docstring.value = fenced
