"""The page that teaches the language says what is true."""

import doctest
import re
from pathlib import Path

import jax

import tacit.ppl

PAGE = Path(tacit.ppl.__file__).parents[2] / "docs" / "language.md"


def test_every_block_of_the_page_runs_and_shows_what_it_says():
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    assert len(blocks) == text.count("```python")
    assert all(block.startswith(">>> ") for block in blocks)
    # A blank line ends what an example is expected to print.
    page = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, PAGE.name, str(PAGE), 0)
    shown: list[str] = []
    # JAX ends an exception with a note on the frames that it left out, which doctest of 3.11.2 takes for the message.
    before = jax.config.jax_traceback_filtering
    jax.config.update("jax_traceback_filtering", "off")
    try:
        failed, attempted = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(page, out=shown.append)
    finally:
        jax.config.update("jax_traceback_filtering", before)
    assert failed == 0, "".join(shown)
    assert attempted > 60
