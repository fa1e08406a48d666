from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import torch

from napari_maskrcnn.jobs import Progress, run
from napari_maskrcnn.models import load_weights
from napari_maskrcnn.models.download import BLOCK, DownloadError, download_coco_job
from napari_maskrcnn.models.folder import find_model, model_folder
from napari_maskrcnn.network.config import NetworkConfig
from napari_maskrcnn.network.maskrcnn import MaskRCNN


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    narrow = NetworkConfig(backbone="resnet18", fpn_channels=8, box_channels=16, mask_channels=8)
    path = tmp_path_factory.mktemp("served") / "coco.pth"
    with torch.random.fork_rng(devices=[]):
        torch.save(MaskRCNN(narrow).state_dict(), path)
    return path.read_bytes()


@pytest.fixture
def server(content: bytes) -> Iterator[str]:
    """Serve /whole, and /short, which breaks off half way."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path not in ("/whole", "/short"):
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            sent = content if self.path == "/whole" else content[: len(content) // 2]
            self.wfile.write(sent)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Quiet(HTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A client that hangs up, as a stopped download does, is no error."""

    with Quiet(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


def prefix(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:8]


def test_the_file_becomes_the_model_coco(server: str, content: bytes) -> None:
    steps: list[Progress] = []
    job = download_coco_job(url=f"{server}/whole", hash_prefix=prefix(content))
    path = run(job, steps.append)
    assert path == find_model("coco") == model_folder() / "coco.safetensors"
    assert load_weights(path)[1].name == "coco"
    fetched = [step for step in steps if step.message == "Downloading coco"]
    assert [step.done for step in fetched[:2]] == [BLOCK, 2 * BLOCK]
    assert (fetched[-1].done, fetched[-1].total) == (len(content), len(content))
    assert [path.name for path in model_folder().iterdir()] == ["coco.safetensors"]


def test_a_stopped_download_leaves_nothing(server: str, content: bytes) -> None:
    stop = threading.Event()
    job = download_coco_job(stop, f"{server}/whole", prefix(content))
    assert run(job, lambda step: stop.set()) is None
    assert list(model_folder().iterdir()) == []


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ("/whole", "SHA-256 .* instead of 00000000"),
        ("/short", "of .* bytes|more expected"),
        ("/absent", "Not Found.*Check the connection"),
    ],
)
def test_a_failed_download_leaves_nothing(server: str, page: str, reason: str) -> None:
    with pytest.raises(DownloadError, match=reason):
        run(download_coco_job(url=server + page, hash_prefix="00000000"))
    assert list(model_folder().iterdir()) == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/coco.pth", "no address at all"])
def test_without_a_connection_the_remedy_is_named(url: str) -> None:
    with pytest.raises(DownloadError, match="napari-maskrcnn models import"):
        run(download_coco_job(url=url))
