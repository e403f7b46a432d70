"""A stand-in for W&B's server on the loopback: answers what a run and ``wandb sync`` ask, keeps what it was sent."""

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "0123456789abcdef0123456789abcdef01234567"  # has the form of a key


@dataclass
class Request:
    path: str
    operation: str | None  # of GraphQL
    variables: dict[str, Any]
    body: bytes


@dataclass
class WandbServer:
    """Serves until ``stop``, or the end of the ``with`` block; then connections are refused."""

    requests: list[Request] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)  # run ids that get an error

    def __enter__(self) -> "WandbServer":
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: Any) -> None:
                return

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                status, answer = outer.take(self.path, body)
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_PUT = do_POST

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self._up = True
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        if self._up:
            self._up = False
            self._server.shutdown()
            self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def operations(self, name: str) -> list[dict[str, Any]]:
        return [request.variables for request in list(self.requests) if request.operation == name]

    def history(self, run_id: str) -> list[dict[str, Any]]:
        """Rows of a run that arrived."""
        sent = [json.loads(r.body) for r in list(self.requests) if r.path.endswith(f"/{run_id}/file_stream")]
        lines = [
            line
            for content in sent
            for line in content.get("files", {}).get("wandb-history.jsonl", {}).get("content", [])
        ]
        return [json.loads(line) for line in lines]

    def take(self, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        if path != "/graphql":
            self.requests.append(Request(path, None, {}, body))
            return 200, {}
        query = json.loads(body)
        operation, variables = query["operationName"], query.get("variables") or {}
        self.requests.append(Request(path, operation, variables, body))
        if variables.get("name") in self.refused:
            return 400, {"errors": [{"message": "refused"}]}
        return 200, {"data": self._answer(operation, variables)}

    def _answer(self, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        upload = {"uploadUrl": f"{self.url}/upload", "uploadHeaders": []}
        file = {"file": {"id": "file", "name": "name", "displayName": "name", **upload}}
        if operation == "UpsertBucket":
            project = {"id": "project", "name": given.get("project"), "entity": {"id": "entity", "name": "me"}}
            return {
                "upsertBucket": {
                    "inserted": True,
                    "bucket": {
                        "id": "bucket",
                        "name": given.get("name"),
                        "displayName": "",
                        "config": "{}",
                        "project": project,
                    },
                }
            }
        if operation == "CreateRunFiles":
            files = [{"name": name, "uploadUrl": f"{self.url}/upload/{name}"} for name in given["files"]]
            return {"createRunFiles": {"runID": "bucket", "uploadHeaders": [], "files": files}}
        if operation == "CreateArtifact":
            artifact = {"id": "artifact", "state": "PENDING", "artifactSequence": {"id": "sequence"}}
            return {"createArtifact": {"artifact": artifact}}
        if operation in ("CreateArtifactManifest", "UpdateArtifactManifest"):
            return {operation[0].lower() + operation[1:]: {"artifactManifest": {"id": "manifest", **file}}}
        if operation == "CreateArtifactFiles":
            nodes = [
                {
                    "node": {
                        "id": "file",
                        "name": spec["name"],
                        "displayName": spec["name"],
                        "storagePath": "a/b",
                        "artifact": {"id": "artifact"},
                        **upload,
                    }
                }
                for spec in given["input"]["artifactFiles"]
            ]
            return {"createArtifactFiles": {"files": {"edges": nodes}}}
        if operation in ("CommitArtifact", "UseArtifact"):
            return {operation[0].lower() + operation[1:]: {"artifact": {"id": "artifact", "digest": "digest"}}}
        return {}
