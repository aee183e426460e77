"""Writes what the documentation says of the code.

python -m tools.docs            # write
python -m tools.docs --check    # exit with 1 if a page is not current
"""

import sys
from pathlib import Path

from model_registry import load_registry
from tools.docs import fitting, pages, tables

DOCS = fitting.ROOT / "docs"


def written() -> dict[Path, str]:
    """By path, the pages as they should be."""
    registry, record, references = load_registry(), fitting.read_record(), fitting.read_references()
    found = {path: tables.filled(path.read_text(encoding="utf-8")) for path in sorted(DOCS.glob("*.md"))}
    found[fitting.GALLERY / "index.md"] = pages.index(registry.models, record)
    for model in registry.models.values():
        found[fitting.GALLERY / f"{model.name}.md"] = pages.page(model, record[model.name], references.get(model.name))
    return found


def main() -> int:
    wanted = written()
    unwanted = set(fitting.GALLERY.glob("*.md")) - set(wanted)
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv:
        print("".join(f"not current: {path.relative_to(DOCS)}\n" for path in [*stale, *unwanted]), end="")
        return 1 if stale or unwanted else 0
    for path in stale:
        path.write_text(wanted[path], encoding="utf-8")
    for path in unwanted:
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
