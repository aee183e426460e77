"""Request bodies that nobody may accept, drawn from a seed: for POST /v1/fits, and for the routes that compute."""

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
_FIT_JUNK: dict[str, list[Any]] = {
    "model": [1, None, [], {}, True],
    "data": [1, None, [], "x", [[]]],
    "inference": [1, None, [], "x", True],
    "seed": ["1", 1.5, [], {}, True],
    "draws": ["1", 1.5, [], {}, True, 0],
    "timeout_s": ["1", 1.5, [], {}, True, 0],
    "tags": [1, "x", {}, [1], [None], [[]], ["x" * 65], [""], ["x"] * 17],
}
_PREDICTION_JUNK: dict[str, list[Any]] = {
    "inputs": [1, None, [], "x", {"sigma": None}, {"mu": 1}],
    "set": [1, None, [], "x", {"nowhere": 1}, {"mu": [1, 2]}, {"mu": "1"}, {"mu": None}],
    "vars": [1, "x", {}, [1], [None], [[]], ["nowhere"], ["x" * 201]],
    "seed": ["1", 1.5, [], {}, True, None],
    "draws": ["1", 1.5, [], {}, True, 0],
    "quantiles": [1, "x", {}, [], [2], [-0.5], ["x"], [None], [[0.5]], [0.5] * 101],
}


class Target(NamedTuple):
    """A route that takes bodies: a good one, where in it an array and a text may stand, and what its fields are not."""

    path: str
    good: dict[str, Any]
    array: tuple[str, str]
    text: str
    junk: dict[str, list[Any]]
    integers: tuple[str, ...]

    def body(self, **changes: Any) -> dict[str, Any]:
        return {**copy.deepcopy(self.good), **changes}

    @property
    def numbers(self) -> list[Any]:
        part, name = self.array
        return list(self.good[part][name])

    def with_array(self, values: Any) -> dict[str, Any]:
        part, name = self.array
        return self.body(**{part: {**self.good[part], name: values}})

    def with_texts(self, *texts: str) -> dict[str, Any]:
        return self.body(**{self.text: [*texts]})


FITS = Target("/v1/fits", EIGHT_SCHOOLS, ("data", "y"), "tags", _FIT_JUNK, ("seed", "draws", "timeout_s"))
VALIDATION = Target(
    "/v1/models/eight-schools/validate",
    {"data": EIGHT_SCHOOLS["data"]},
    ("data", "y"),
    "inference",
    {name: _FIT_JUNK[name] for name in ("data", "inference")},
    ("inference",),
)


def prediction(path: str) -> Target:
    """A route that predicts with the eight schools."""
    good = {"inputs": {"sigma": EIGHT_SCHOOLS["data"]["sigma"]}, "draws": 2}
    return Target(path, good, ("inputs", "sigma"), "vars", _PREDICTION_JUNK, ("seed", "draws"))


class Malformed(NamedTuple):
    """A body, how it is sent, and what is wrong with it."""

    kind: str
    content: bytes
    headers: dict[str, str]


def malformed(target: Target, seed: int, count: int) -> Iterator[Malformed]:
    """`count` bodies for a route, all kinds in turn."""
    rng = Random(seed)
    kinds = [kind for kind in _KINDS if kind != "no such model" or "model" in target.good]
    for number in range(count):
        kind = kinds[number % len(kinds)]
        made = _KINDS[kind](target, rng)
        content, headers = made if isinstance(made, tuple) else (made, {})
        text = content if isinstance(content, bytes) else json.dumps(content).encode()
        yield Malformed(kind, text, {"content-type": JSON, **headers})


def _with_number(target: Target, rng: Random, text: str) -> bytes:
    """The good body with one number of the data replaced by a text."""
    values = [str(value) for value in target.numbers]
    values[rng.randrange(len(values))] = text
    return json.dumps(target.with_array("@")).replace('"@"', f"[{', '.join(values)}]").encode()


def _not_finite(target: Target, rng: Random) -> bytes:
    return _with_number(
        target, rng, rng.choice(["NaN", "-NaN", "Infinity", "-Infinity", "inf", "nan", "1e400", "-1e400"])
    )


def _beyond_floats(target: Target, rng: Random) -> bytes:
    return _with_number(
        target,
        rng,
        rng.choice("-+ ").strip("+ ") + rng.choice([f"1e{rng.randint(39, 999)}", "9" * rng.randint(40, 6000)]),
    )


def _odd_number(target: Target, rng: Random) -> bytes:
    return _with_number(target, rng, rng.choice(["01", "+1", ".5", "1.", "0x1F", "1e", "--1", "1_000", "1,,2", "٣"]))


def _nested(target: Target, rng: Random) -> bytes:
    depth = rng.randint(200, 100_000)
    return rng.choice([b"[", b'{"a":', b'{"data":', b"[[],"]) * depth + rng.choice([b"", b"1"])


def _nested_whole(target: Target, rng: Random) -> bytes:
    depth = rng.randint(9, 5000)
    return json.dumps(target.with_array("@")).replace('"@"', "[" * depth + "1" + "]" * depth).encode()


def _recoded(target: Target, rng: Random) -> bytes:
    text = json.dumps(target.with_texts("été", "日本"), ensure_ascii=False)
    codec = rng.choice(["utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp037", "latin-1", "cp1252"])
    return text.encode(codec, errors="replace")


def _bad_utf8(target: Target, rng: Random) -> bytes:
    content = json.dumps(target.with_texts("@")).encode()
    bad = rng.choice([b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\xe2\x28\xa1", b"\x80"])
    return content.replace(b"@", bad * rng.randint(1, 9))


def _cut(target: Target, rng: Random) -> bytes:
    content = json.dumps(target.body()).encode()
    return content[: rng.randrange(len(content))]


def _followed(target: Target, rng: Random) -> bytes:
    return json.dumps(target.body()).encode() + rng.choice([b"x", b"{}", b"\x00", b",", b"]", b"\xef\xbb\xbf", b"//"])


def _noise(target: Target, rng: Random) -> bytes:
    return b"\x00" + rng.randbytes(rng.randint(0, 4000))


def _control(target: Target, rng: Random) -> bytes:
    return json.dumps(target.with_texts("@")).encode().replace(b"@", bytes([rng.randrange(32)]))


def _surrogate(target: Target, rng: Random) -> bytes:
    return (
        json.dumps(target.with_texts("@"))
        .encode()
        .replace(b"@", rng.choice([b"\\ud800", b"\\udfff", b"\\u12", b"\\x"]))
    )


def _bomb(target: Target, rng: Random) -> tuple[bytes, dict[str, str]]:
    content = rng.choice([b" ", b"[", b"0"]) * rng.randint(2, 8) * 2**20
    name, compress = rng.choice([("gzip", gzip.compress), ("deflate", zlib.compress)])
    return compress(content), {"content-encoding": name}


def _badly_packed(target: Target, rng: Random) -> tuple[bytes, dict[str, str]]:
    packed = bytearray(gzip.compress(json.dumps(target.body()).encode()))
    how = rng.choice(["cut", "flip", "raw", "twice", "unknown"])
    if how == "cut":
        packed = packed[: rng.randrange(len(packed))]
    elif how == "flip":
        packed[-1 - rng.randrange(8)] ^= 1 << rng.randrange(8)  # its checksum or its length
    elif how == "raw":
        packed = bytearray(json.dumps(target.body()).encode())
    elif how == "twice":
        packed *= 2
    return bytes(packed), {"content-encoding": "br" if how == "unknown" else "gzip"}


def _large(target: Target, rng: Random) -> bytes:
    return json.dumps(target.body()).encode() + b" " * (2**20 + rng.randrange(1000))


def _many(target: Target, rng: Random) -> bytes:
    return json.dumps(target.with_array([rng.choice([0, [], {}])] * rng.randint(20_001, 50_000))).encode()


def _other_type(target: Target, rng: Random) -> tuple[bytes, dict[str, str]]:
    media_type = rng.choice(
        ["text/plain", "", "application/x-pickle", "multipart/form-data", "application/jsonp", "*/*"]
    )
    return json.dumps(target.body()).encode(), {"content-type": media_type}


def _huge(target: Target, rng: Random) -> dict[str, Any]:
    field = rng.choice(target.integers)
    return target.body(**{field: rng.choice([-1, 1]) * 10 ** rng.randint(12, 4000)})


def _wrong_type(target: Target, rng: Random) -> dict[str, Any]:
    field = rng.choice(list(target.junk))
    return target.body(**{field: rng.choice(target.junk[field])})


def _unknown(target: Target, rng: Random) -> dict[str, Any]:
    name = "".join(rng.choices("abcxyz_/~.$é\u0000", k=rng.randint(1, 40))) + "?"
    place = rng.choice(["", *(field for field in ("data", "inference", "inputs", "set") if field in target.junk)])
    return target.body(**({place: {**target.good.get(place, {}), name: 1}} if place else {name: 1}))


def _no_such_model(target: Target, rng: Random) -> dict[str, Any]:
    names = [
        "",
        "../eight_schools",
        "eight-schools@../1",
        "/etc/passwd",
        "eight-schools\u0000",
        "x" * 500,
        "eight-schools@",
    ]
    return target.body(model=rng.choice(names))


def _bad_elements(target: Target, rng: Random) -> dict[str, Any]:
    values = target.numbers
    values[rng.randrange(8)] = rng.choice(["28", None, True, [], {}, [1], "NaN", {"$ref": "#"}])
    return target.with_array(values)


def _bad_base64(target: Target, rng: Random) -> dict[str, Any]:
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
    return target.with_array({**good, **bad})


_KINDS: dict[str, Callable[[Target, Random], Any]] = {
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
