"""A small Hub and Zenodo on loopback: serves files, takes commits, and misbehaves on request."""

import base64
import hashlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

COMMIT = "0" * 39 + "1"


def free_port() -> int:
    """Return a port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Hub(ThreadingHTTPServer):
    """Files by path; `trouble` may answer a request in its own way by returning True."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.trouble: Callable[[Handler], bool] = lambda _: False
        self.log: list[str] = []
        self.commits: list[dict[str, Any]] = []
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    """The few addresses that huggingface_hub and Zenodo downloads ask for."""

    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        self.server.log.append(f"{self.command} {self.path}")

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if self.server.trouble(self):
            return
        path = self.path.split("?")[0].lstrip("/").replace("/resolve/main/", "/")
        path = (
            path.replace(f"/resolve/{COMMIT}/", "/").replace("records/", "").replace("/files/", "/")
        )
        body = self.server.files.get(path)
        if body is None:
            repo = "/".join(path.split("/")[:2])
            known = any(name.startswith(f"{repo}/") for name in self.server.files)
            code = "EntryNotFound" if known else "RepoNotFound"
            self.answer(404, b"{}", X_Error_Code=code)
            return
        etag = f'"{hashlib.sha256(body).hexdigest()}"'
        self.answer(200, body, ETag=etag, X_Repo_Commit=COMMIT, Accept_Ranges="bytes",
                    Content_Type="application/octet-stream")  # fmt: skip

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.trouble(self):
            return
        if self.path.endswith("/api/repos/create"):
            wanted = json.loads(data)
            owner = wanted.get("organization") or "me"
            repo = f"{owner}/{wanted['name']}"
            self.say({"url": f"{self.server.url}/{repo}", "name": repo})
        elif self.path.endswith("/api/validate-yaml"):
            self.say({"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            files = json.loads(data)["files"]
            self.say(
                {
                    "files": [
                        {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False}
                        for f in files
                    ]
                }
            )
        elif "/commit/" in self.path:
            repo = self.path.split("/api/models/")[1].split("/commit/")[0]
            for line in data.decode().splitlines():
                row = json.loads(line)
                if row["key"] == "file":
                    value = row["value"]
                    body = base64.b64decode(value["content"])
                    self.server.files[f"{repo}/{value['path']}"] = body
            self.server.commits.append({"repo": repo})
            self.say({"commitUrl": f"{self.server.url}/{repo}/commit/{COMMIT}",
                      "commitOid": COMMIT, "pullRequestUrl": None})  # fmt: skip
        else:
            self.answer(404, b"{}")

    def say(self, content: dict[str, Any]) -> None:
        self.answer(200, json.dumps(content).encode(), Content_Type="application/json")


@contextmanager
def hub() -> Iterator[Hub]:
    """Run a server until the test is over."""
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()


def ask(server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the clients of a test ask a server, and no other."""
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("GENESIS_HUB_ZENODO", server.url)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)


def says(status: int, times: int = 10**9, **headers: str) -> Callable[[Handler], bool]:
    """Answer with an error status, for the first so many requests."""
    left = [times]

    def trouble(handler: Handler) -> bool:
        left[0] -= 1
        if left[0] < 0:
            return False
        handler.answer(status, b"{}", **headers)
        return True

    return trouble


def cuts(handler: Handler) -> bool:
    """Announce a file and close the line halfway."""
    if handler.command != "GET":
        return False
    handler.answer(200, b"x" * 100, Content_Length="100000", ETag='"e"', X_Repo_Commit=COMMIT)
    handler.close_connection = True
    handler.wfile.flush()
    handler.connection.close()
    return True


def stalls(handler: Handler) -> bool:
    """Announce a file and then say nothing."""
    if handler.command != "GET":
        return False
    handler.answer(200, b"x" * 10, Content_Length="100000", ETag='"e"', X_Repo_Commit=COMMIT)
    handler.wfile.flush()
    handler.server.released.wait(30)
    return True


def html(handler: Handler) -> bool:
    """Answer everything with a web page."""
    handler.answer(200, b"<!doctype html><html>please log in</html>",
                   Content_Type="text/html", ETag='"p"', X_Repo_Commit=COMMIT)  # fmt: skip
    return True


def slowly(seconds: float) -> Callable[[Handler], bool]:
    """Let every request wait."""

    def trouble(handler: Handler) -> bool:
        time.sleep(seconds)
        return False

    return trouble
