"""The same data set from a cluster of two nodes, of which a worker and then a node are killed in the middle."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from motionkit import MultiplyOptions, multiply
from motionkit.model import Model
from motionkit.structures import Progress
from tests.support.multiplied import check_whole, given_files, rows_of
from tests.support.networks import tiny_model

ray = pytest.importorskip("ray", reason="needs ray: pip install motionkit[ray]")
pytest.importorskip("ray.data")
pytestmark = pytest.mark.slow

NOTICED = 60  # seconds in which Ray sees that a node is gone
STORE = 80 * 2**20  # bytes of a node's object store, the least that Ray takes


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two nodes, each a raylet of its own with one processor."""
    from ray.cluster_utils import Cluster

    # A lost node is noticed after seconds, not after half a minute.
    monkeypatch.setenv("RAY_health_check_initial_delay_ms", "1000")
    monkeypatch.setenv("RAY_health_check_period_ms", "1000")
    monkeypatch.setenv("RAY_health_check_failure_threshold", "3")
    monkeypatch.setenv("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
    node = {"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False}
    both = Cluster(initialize_head=True, head_node_args={**node, **ports()})
    both.add_node(num_cpus=1, object_store_memory=STORE, **ports())
    ray.init(address=both.address, log_to_driver=False)
    try:
        yield both
    finally:
        ray.shutdown()
        both.shutdown()


def ports() -> dict[str, int]:
    """Free ports for a node's helpers: it waits for those that they choose for seconds alone, however busy all is."""
    names = ("metrics_agent_port", "dashboard_agent_listen_port", "runtime_env_agent_port", "metrics_export_port")
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in names]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return {name: one.getsockname()[1] for name, one in zip(names, sockets, strict=True)}


def actors_of(node: Any) -> list[int]:
    """Processes of a node's actors that make results."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            try:
                words = (process / "cmdline").read_bytes()
                parent = int((process / "stat").read_text().rpartition(") ")[2].split()[1])
            except OSError:
                continue
            if words.startswith(b"ray::") and b"Map" in words and parent == raylet(node):
                found.append(int(process.name))
    return found


def raylet(node: Any) -> int:
    (info,) = node.all_processes["raylet"]
    return int(info.process.pid)


@pytest.fixture
def model() -> Model:
    return tiny_model("f" * 64, blend_warped=True)


def test_all_pairs_are_there_once_though_a_worker_and_a_node_die(cluster: Any, model: Model, tmp_path: Path) -> None:
    given = given_files(tmp_path, sources=12, drivings=10)
    here = MultiplyOptions(frames=1, gate=False, workers=0)
    multiply(given / "sources", given / "drivings", tmp_path / "here", model=model, options=here)
    (head, other), killed = cluster.list_all_nodes(), []

    def disturb(progress: Progress) -> None:
        if progress.done >= 15 and not killed:
            worker = (actors_of(other) or actors_of(head))[0]
            os.kill(worker, signal.SIGKILL)
            killed.append("worker")
        elif progress.done >= 50 and len(killed) == 1:
            cluster.remove_node(other, allow_graceful=False)
            killed.append("node")

    there = MultiplyOptions(frames=1, gate=False, engine="ray", workers=2)
    result = multiply(
        given / "sources", given / "drivings", tmp_path / "there", model=model, options=there, progress=disturb
    )
    assert killed == ["worker", "node"]
    assert result.ok == 120
    rows = check_whole(tmp_path / "there")
    assert [(row["source"], row["driving"]) for row in rows] == [
        (f"s{s}.png", f"d{d}.mp4") for s in range(12) for d in range(10)
    ]
    assert [row["sha256"] for row in rows] == [row["sha256"] for row in rows_of(tmp_path / "here")]
    end = time.monotonic() + NOTICED
    while len([node for node in ray.nodes() if node["Alive"]]) != 1:
        assert time.monotonic() < end, "the node is still there"
        time.sleep(0.5)


def test_shards_from_a_cluster_and_a_run_that_goes_on(cluster: Any, model: Model, tmp_path: Path) -> None:
    given = given_files(tmp_path, sources=4, drivings=3)
    (given / "drivings" / "torn.mp4").write_bytes(b"no clip")

    def run(engine: str, output: Path) -> Any:
        options = MultiplyOptions(frames=1, gate=False, format="webdataset", shard=5, engine=engine, workers=2)  # type: ignore[arg-type]
        return multiply(given / "sources", given / "drivings", output, model=model, options=options)

    result = run("ray", tmp_path / "there")
    assert (result.ok, result.failed, result.made) == (12, 4, 16)
    run("local", tmp_path / "here")
    for shard in sorted((tmp_path / "here" / "shards").iterdir()):
        assert (tmp_path / "there" / "shards" / shard.name).read_bytes() == shard.read_bytes()
    journal = tmp_path / "there" / ".multiply" / "journal.jsonl"
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:2]))
    again = run("local", tmp_path / "there")
    assert (again.ok, again.made) == (12, 10), "what a cluster began, one machine ends"
