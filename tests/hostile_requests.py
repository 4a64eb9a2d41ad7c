"""Invalid requests for every endpoint of the app."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import httpx

NONSENSE: list[Any] = [
    None, True, -1, 0, 10**30, 1.5, "", "\0", "x" * 5000, "${1+1}", "<img src=x onerror=alert(1)>", "../../etc/passwd",
    [], [[[[]]]], list(range(20_000)), {}, {"path": "/etc/passwd"},
    {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}},
    {"__type__": "update", "value": 1}, '{"kind": "seed", "data": "tetrominoes", "seed": 1e400}',
    '{"kind": "sample", "data": "tetrominoes", "index": -1}', '{"kind": "picture", "model": "tetrominoes"}', "[" * 3000,
]  # fmt: skip
RAW = [
    b"", b"{", b"null", b"[]", b"3", b'"x"', b"\xff\xfe", b"[" * 50_000, b'{"data": {}}', b'{"data": [NaN, 1, 2, 3]}',
    b'{"data": [Infinity]}', b'{"data": [1e999]}', b'{"data": null}', b'{"fn_index": "1"}', b'{"fn_index": 99999}',
    b'{"fn_index": -1, "data": [], "session_hash": "a"}', b'{"session_hash": ["a"], "data": []}', b"{}",
    b'{"session_hash": null, "data": []}', b'{"data": [], "fn_index": 1e9}', b'{"event_data": 3, "data": []}',
    b'{"data": [], "session_hash": "' + b"x" * 100_000 + b'"}',
]  # fmt: skip
DECOMPOSE: list[dict[str, Any]] = [
    {}, {"image": []}, {"image": [0] * 4799}, {"image": [-1] * 4800}, {"image": [256] * 4800}, {"image": "x" * 4800},
    {"image": [[0]] * 4800}, {"image": {"length": 4800}}, {"image": [0] * 4800, "of": ["x"]}, {"of": "../tetrominoes"},
]  # fmt: skip
LEAKS = ("Traceback", 'File "', "site-packages", ", line ", ".py", "/tmp/", "/root", "object at 0x")

Request = tuple[str, str, dict[str, Any]]


def every_request(config: dict[str, Any], seed: int, per_function: int) -> Iterator[Request]:
    """Yields invalid requests for Gradio's endpoints and ours; ``per_function`` of each kind for each event."""
    rng = random.Random(seed)
    json_type = {"content-type": "application/json"}
    for path in ("queue/join", "run/decompose", "call/decompose", "call/v2/decompose", "mcp/", "cancel", "reset"):
        for content in RAW:
            yield "POST", f"/gradio_api/{path}", {"content": content, "headers": json_type}
    for function in config["dependencies"]:
        inputs = len(function["inputs"])
        for _ in range(per_function):
            for count in (0, inputs, inputs + 1):
                body = {"fn_index": function["id"], "data": [rng.choice(NONSENSE) for _ in range(count)]}
                yield "POST", "/gradio_api/run/predict", {"json": body}
                name = function["api_name"]
                if name:
                    yield "POST", f"/gradio_api/run/{name}", {"json": {"data": body["data"], "session_hash": "s"}}
    for name in ("no-such-event", "%00", "..", "decompose/../../x", "x" * 2000):
        yield "POST", f"/gradio_api/run/{name}", {"json": {"data": []}}
        yield "POST", f"/gradio_api/call/v2/{name}", {"json": {"data": []}}
        yield "GET", f"/gradio_api/{name}", {}
    for query in ({}, {"session_hash": ""}, {"session_hash": "x" * 5000}, {"session_hash": "../x"}):
        yield "GET", "/gradio_api/queue/data", {"params": query}
    yield "GET", "/gradio_api/upload_progress", {"params": {"upload_id": "somebody-elses"}}
    yield "GET", "/gradio_api/call/decompose/somebody-elses", {}
    for headers in ({}, {"content-type": "multipart/form-data"}, {"content-type": "multipart/form-data; boundary=x"}):
        yield "POST", "/gradio_api/upload", {"content": b"--y\r\n\r\n", "headers": headers}
    for name in ("../../evil.png", "\0.png", "x" * 4000, "", "${1}.png"):
        yield "POST", "/gradio_api/upload", {"files": {"files": (name, b"x")}}
    right = {"image": [0] * 4800, "slots": 4, "latents": [[0] * 16], "steps": [0]}  # of tetrominoes, 40 x 40
    changes: list[dict[str, Any]] = [
        {"image": [0] * 12288}, {"image": [-1] * 4800}, {"image": [300] * 4800}, {"image": "x"}, {"image": None},
        {"slots": 1e300}, {"slots": -4}, {"slots": "4x"}, {"slots": 65}, {"slots": None}, {"slots": []},
        {"latents": [[0] * 15]}, {"latents": [["x"] * 16]}, {"latents": 7}, {"latents": [[[0] * 16]]}, {"latents": {}},
        {"steps": [4]}, {"steps": [-1]}, {"steps": ["x"]}, {"steps": 0}, {"steps": [0, 1]}, {"steps": [1e300]},
        {"steps": [[]]}, {"latents": [[None] * 16]}, {"latents": []}, {"latents": [[0] * 16] * 65},
        {"latents": [[1e39] * 16]},
    ]  # fmt: skip
    scenes: list[Any] = [3, [], {}, None, *({**right, **change} for change in changes)]
    for model in ("tetrominoes", "none"):
        for scene in scenes:
            yield "POST", f"/monet/npz/{model}", {"json": scene}
        for scene in NONSENSE:
            yield "POST", f"/monet/decompose/{model}", {"json": scene}
            yield "POST", f"/monet/files/{model}", {"json": scene}
            asked = {"kind": scene, "data": scene, "slots": scene, "how": scene}
            yield "POST", f"/monet/files/{model}", {"json": asked}
        for change in DECOMPOSE:
            yield "POST", f"/monet/decompose/{model}", {"json": {"kind": "picture", "of": "tetrominoes"} | change}
        for query in (
            {"slots": "x"},
            {"slots": "0"},
            {"slots": "9" * 5000},
            {"slots": "4", "how": "\0"},
            {"slots": "-1"},
        ):
            sample = {"kind": "sample", "data": "tetrominoes", "index": 0}
            yield "POST", f"/monet/decompose/{model}", {"json": sample, "params": query}
        for content in (*RAW, b'{"image": NaN}', b"\xff" * 64, b"\0" * 63, bytes([0, 0, 0xC0, 0x7F]) * 16):
            yield "POST", f"/monet/npz/{model}", {"content": content}
            yield "POST", f"/monet/decode/{model}", {"content": content}
            for kind in ("application/json", "application/octet-stream", "image/png"):
                headers = {"content-type": kind}
                yield "POST", f"/monet/decompose/{model}", {"content": content, "headers": headers}
    for name in ("none", "..", "..%2f..%2fetc", "%00", "x" * 3000, "-", "${1}"):
        for action in ("start", "resume", "pause", "stop", "weights"):
            for table in NONSENSE:
                yield "POST", f"/monet/runs/{name}/{action}", {"json": table}
                wanted = {"data": {"kind": table, "name": table}, "minutes": table}
                yield "POST", f"/monet/runs/{name}/{action}", {"json": wanted}
        for content in RAW:
            yield "POST", f"/monet/runs/{name}/start", {"content": content}
            yield "POST", f"/monet/own/{name}", {"content": content}
        for path in ("../../x", "/etc/passwd", "a/../../b", "\0", "a\\..\\b", "x" * 4000):
            head = json.dumps({"files": [{"path": path, "size": 1}]}).encode()
            yield "POST", f"/monet/own/{name}", {"content": head + b"\nx"}
        yield "GET", f"/monet/runs/{name}/curves", {}
        yield "GET", f"/monet/files/{name}.zip", {}
        yield "GET", f"/monet/runs/{name}/..%2f1.png", {}
    for query in ({}, {"width": "-1", "height": "1", "milliseconds": "x"}, {"width": "1e9", "height": "1"}):
        yield "POST", "/monet/gif", {"params": query, "content": b"xyz"}
    film = {"width": "1024", "height": "1024", "milliseconds": "100"}
    yield "POST", "/monet/gif", {"params": film, "content": b"x"}
    yield "POST", "/monet/gif", {"params": {**film, "width": "0"}, "content": b""}


def assert_in_words(client: httpx.Client, method: str, path: str, options: dict[str, Any]) -> None:
    """Asserts that an answer is short, has no traceback and no path, and explains a refusal."""
    answer = client.request(method, path, **options)
    where = f"{method} {path[:60]} {str(options)[:200]}: {answer.status_code} {answer.text[:300]!r}"
    if answer.headers.get("content-type", "").startswith(("text/", "application/json")) and "upload" not in path:
        assert not any(leak in answer.text for leak in LEAKS), where
    if answer.status_code >= 400:
        assert len(answer.text) > 10, where
        if answer.headers["content-type"].startswith("application/json"):
            table = json.loads(answer.text)
            assert table.get("error") or table.get("detail"), where
