"""What MkDocs does with links to files that are not pages: where code is read they lead to the file, the site names it.

A hook of mkdocs.yml. A link that leads to nothing stops the build.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError

ROOT = Path(__file__).resolve().parents[2]

_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((\.\./[^)#\s]+)(?:#[^)]*)?\)")


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """The page, with links that leave the folder of the documentation as plain names of files."""
    folder = posixpath.dirname(page.file.src_uri)

    def named(link: re.Match[str]) -> str:
        text, target = link.groups()
        path = posixpath.normpath(posixpath.join("docs", folder, target))
        if path.startswith("docs/"):
            return link[0]
        if path.startswith("..") or not (ROOT / path).exists():
            raise PluginError(f"{page.file.src_uri} has a link to {target}, which is not there.")
        plain = text.strip("`")
        return f"`{path}`" if plain == path else f"{text} (`{path}` in the repository)"

    return _LINK.sub(named, markdown)
