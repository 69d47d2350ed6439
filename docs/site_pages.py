"""What the site takes from outside docs/: the venues' READMEs and the files that pages link to, where they stand.

On a code host every link of these texts leads somewhere. This keeps it so on the site, without a copy of any file: a
page or file outside docs/ that is linked to becomes a part of the site, and links to it and in it are turned there.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
LINK = re.compile(r"(?<=\]\()([^)#:\s]+)(#[^)]*)?(?=\))")


def on_config(config: Any) -> Any:
    """List the venues, and under Operate every page of docs/ that the configuration does not name."""
    named = repr(config.nav)
    more = sorted(path.name for path in (ROOT / "docs").glob("*.md") if f"'{path.name}'" not in named)
    for section in config.nav:
        if "Operate" in section:
            section["Operate"] += more
        if "Venues" in section:
            section["Venues"] = [_page(path) for path in _venues()]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add what pages link to outside docs/."""
    todo = [ROOT / "docs" / file.src_uri for file in files.documentation_pages()] + _venues()
    seen: set[Path] = set()
    while todo:
        page = todo.pop()
        found = [page] if page in _venues() else []
        found += [path for path in (_target(page, link) for link in _links(page)) if path is not None]
        for path in found:
            if path in seen or path.is_relative_to(ROOT / "docs") or not path.is_file():
                continue
            seen.add(path)
            files.append(File.generated(config, _page(path), abs_src_path=str(path)))
            if path.suffix == ".md" and path != page:
                todo.append(path)
    return files


def on_page_markdown(markdown: str, page: Page, config: Any, files: Files) -> str:
    """Turn links that cross the border of docs/."""
    source = _source(page.file.src_uri)

    def turned(found: re.Match[str]) -> str:
        target = _target(source, found[1])
        if target is None or not target.is_file():
            return found[0]
        return posixpath.relpath(_page(target), posixpath.dirname(page.file.src_uri) or ".") + (found[2] or "")

    return LINK.sub(turned, markdown)


def _venues() -> list[Path]:
    return [ROOT / "plugins" / "README.md", *sorted((ROOT / "plugins").glob("*/README.md"))]


def _links(page: Path) -> list[str]:
    return [found[1] for found in LINK.finditer(page.read_text(encoding="utf-8"))]


def _target(page: Path, link: str) -> Path | None:
    path = (page.parent / link).resolve()
    if path.is_dir():
        path /= "README.md"
    return path if path.is_relative_to(ROOT) else None


def _page(path: Path) -> str:
    """Where a file stands on the site."""
    if path.is_relative_to(ROOT / "docs"):
        return path.relative_to(ROOT / "docs").as_posix()
    if path in _venues():
        return "venues/index.md" if path.parent.name == "plugins" else f"venues/{path.parent.name}.md"
    return f"repository/{path.relative_to(ROOT).as_posix()}"


def _source(uri: str) -> Path:
    """The file that a page of the site is made of."""
    if uri == "venues/index.md":
        return ROOT / "plugins" / "README.md"
    if uri.startswith("venues/"):
        return ROOT / "plugins" / Path(uri).stem / "README.md"
    if uri.startswith("repository/"):
        return ROOT / uri.removeprefix("repository/")
    return ROOT / "docs" / uri
