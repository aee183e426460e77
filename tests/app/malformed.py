"""Request bodies for POST /v1/fits that nobody may accept, drawn from a seed."""

import base64
import copy
import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, NamedTuple

from tests.app.bodies import EIGHT_SCHOOLS

JSON = "application/json"


class Malformed(NamedTuple):
    """A body, how it is sent, and what is wrong with it."""

    kind: str
    content: bytes
    headers: dict[str, str]


def malformed(seed: int, count: int) -> Iterator[Malformed]:
    """`count` bodies, all kinds in turn."""
    rng = Random(seed)
    for number in range(count):
        kind = list(_KINDS)[number % len(_KINDS)]
        made = _KINDS[kind](rng)
        content, headers = made if isinstance(made, tuple) else (made, {})
        text = content if isinstance(content, bytes) else json.dumps(content).encode()
        yield Malformed(kind, text, {"content-type": JSON, **headers})


def _body(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(EIGHT_SCHOOLS), **changes}


def _with_y(values: Any) -> dict[str, Any]:
    return _body(data={**EIGHT_SCHOOLS["data"], "y": values})


def _with_number(rng: Random, text: str) -> bytes:
    """The good body with one number of the data replaced by a text."""
    values = [str(value) for value in EIGHT_SCHOOLS["data"]["y"]]
    values[rng.randrange(len(values))] = text
    return json.dumps(_with_y("@")).replace('"@"', f"[{', '.join(values)}]").encode()


def _not_finite(rng: Random) -> bytes:
    return _with_number(rng, rng.choice(["NaN", "-NaN", "Infinity", "-Infinity", "inf", "nan", "1e400", "-1e400"]))


def _beyond_floats(rng: Random) -> bytes:
    return _with_number(
        rng, rng.choice("-+ ").strip("+ ") + rng.choice([f"1e{rng.randint(39, 999)}", "9" * rng.randint(40, 6000)])
    )


def _odd_number(rng: Random) -> bytes:
    return _with_number(rng, rng.choice(["01", "+1", ".5", "1.", "0x1F", "1e", "--1", "1_000", "1,,2", "٣"]))


def _nested(rng: Random) -> bytes:
    depth = rng.randint(200, 100_000)
    return rng.choice([b"[", b'{"a":', b'{"data":', b"[[],"]) * depth + rng.choice([b"", b"1"])


def _nested_whole(rng: Random) -> bytes:
    depth = rng.randint(9, 5000)
    return json.dumps(_with_y("@")).replace('"@"', "[" * depth + "1" + "]" * depth).encode()


def _recoded(rng: Random) -> bytes:
    text = json.dumps(_body(tags=["été", "日本"]), ensure_ascii=False)
    codec = rng.choice(["utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp037", "latin-1", "cp1252"])
    return text.encode(codec, errors="replace")


def _bad_utf8(rng: Random) -> bytes:
    content = json.dumps(_body(tags=["@"])).encode()
    bad = rng.choice([b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\xe2\x28\xa1", b"\x80"])
    return content.replace(b"@", bad * rng.randint(1, 9))


def _cut(rng: Random) -> bytes:
    content = json.dumps(_body()).encode()
    return content[: rng.randrange(len(content))]


def _followed(rng: Random) -> bytes:
    return json.dumps(_body()).encode() + rng.choice([b"x", b"{}", b"\x00", b",", b"]", b"\xef\xbb\xbf", b"//"])


def _noise(rng: Random) -> bytes:
    return b"\x00" + rng.randbytes(rng.randint(0, 4000))


def _control(rng: Random) -> bytes:
    return json.dumps(_body(tags=["@"])).encode().replace(b"@", bytes([rng.randrange(32)]))


def _surrogate(rng: Random) -> bytes:
    return json.dumps(_body(tags=["@"])).encode().replace(b"@", rng.choice([b"\\ud800", b"\\udfff", b"\\u12", b"\\x"]))


def _bomb(rng: Random) -> tuple[bytes, dict[str, str]]:
    content = rng.choice([b" ", b"[", b"0"]) * rng.randint(2, 8) * 2**20
    name, compress = rng.choice([("gzip", gzip.compress), ("deflate", zlib.compress)])
    return compress(content), {"content-encoding": name}


def _badly_packed(rng: Random) -> tuple[bytes, dict[str, str]]:
    packed = bytearray(gzip.compress(json.dumps(_body()).encode()))
    how = rng.choice(["cut", "flip", "raw", "twice", "unknown"])
    if how == "cut":
        packed = packed[: rng.randrange(len(packed))]
    elif how == "flip":
        packed[-1 - rng.randrange(8)] ^= 1 << rng.randrange(8)  # its checksum or its length
    elif how == "raw":
        packed = bytearray(json.dumps(_body()).encode())
    elif how == "twice":
        packed *= 2
    return bytes(packed), {"content-encoding": "br" if how == "unknown" else "gzip"}


def _large(rng: Random) -> bytes:
    return json.dumps(_body()).encode() + b" " * (2**20 + rng.randrange(1000))


def _many(rng: Random) -> bytes:
    return json.dumps(_with_y([rng.choice([0, [], {}])] * rng.randint(20_001, 50_000))).encode()


def _other_type(rng: Random) -> tuple[bytes, dict[str, str]]:
    media_type = rng.choice(
        ["text/plain", "", "application/x-pickle", "multipart/form-data", "application/jsonp", "*/*"]
    )
    return json.dumps(_body()).encode(), {"content-type": media_type}


def _huge(rng: Random) -> dict[str, Any]:
    field = rng.choice(["seed", "draws", "timeout_s"])
    return _body(**{field: rng.choice([-1, 1]) * 10 ** rng.randint(12, 4000)})


def _wrong_type(rng: Random) -> dict[str, Any]:
    field, junk = rng.choice(
        [
            ("model", [1, None, [], {}, True]),
            ("data", [1, None, [], "x", [[]]]),
            ("inference", [1, None, [], "x", True]),
            ("seed", ["1", 1.5, [], {}, True]),
            ("draws", ["1", 1.5, [], {}, True, 0]),
            ("timeout_s", ["1", 1.5, [], {}, True, 0]),
            ("tags", [1, "x", {}, [1], [None], [[]], ["x" * 65], [""], ["x"] * 17]),
        ]
    )
    return _body(**{field: rng.choice(junk)})


def _unknown(rng: Random) -> dict[str, Any]:
    name = "".join(rng.choices("abcxyz_/~.$é\u0000", k=rng.randint(1, 40))) + "?"
    place = rng.choice(["body", "data", "inference"])
    return _body(**({name: 1} if place == "body" else {place: {**EIGHT_SCHOOLS.get(place, {}), name: 1}}))


def _no_such_model(rng: Random) -> dict[str, Any]:
    names = [
        "",
        "../eight_schools",
        "eight-schools@../1",
        "/etc/passwd",
        "eight-schools\u0000",
        "x" * 500,
        "eight-schools@",
    ]
    return _body(model=rng.choice(names))


def _bad_elements(rng: Random) -> dict[str, Any]:
    values: list[Any] = list(EIGHT_SCHOOLS["data"]["y"])
    values[rng.randrange(8)] = rng.choice(["28", None, True, [], {}, [1], "NaN", {"$ref": "#"}])
    return _with_y(values[: rng.choice([7, 8])])


def _bad_base64(rng: Random) -> dict[str, Any]:
    content = base64.b64encode(rng.randbytes(32)).decode()
    good = {"dtype": "float32", "shape": [8], "data_b64": content}
    bad = rng.choice(
        [
            {"dtype": rng.choice(["object", "O", "U8", "float128", "<f4", 4, None, "S8"])},
            {"shape": rng.choice([[9], [-8], [2**62], [2**31, 2**31, 4], [8.0], "8", [], [True] * 8, [10**400]])},
            {"data_b64": rng.choice(["", "!", content[:-4], content + "AAAA", 5, None, content.replace("=", "")[:-1]])},
            {"pickle": "gASVAAAA"},
        ]
    )
    return _with_y({**good, **bad})


_KINDS: dict[str, Callable[[Random], Any]] = {
    "not finite": _not_finite,
    "beyond floats": _beyond_floats,
    "odd number": _odd_number,
    "nested": _nested,
    "nested whole": _nested_whole,
    "recoded": _recoded,
    "bad utf8": _bad_utf8,
    "cut": _cut,
    "followed": _followed,
    "noise": _noise,
    "control": _control,
    "surrogate": _surrogate,
    "bomb": _bomb,
    "badly packed": _badly_packed,
    "large": _large,
    "many": _many,
    "other type": _other_type,
    "huge": _huge,
    "wrong type": _wrong_type,
    "unknown": _unknown,
    "no such model": _no_such_model,
    "bad elements": _bad_elements,
    "bad base64": _bad_base64,
}
