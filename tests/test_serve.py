"""`fusebench serve`: the page over loopback, with what the run has done so far; nothing else of the machine."""

import http.client
import json
import runpy
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from fusebench.core.errors import FusebenchError
from fusebench.core.files import write_json
from fusebench.serve import address, server

STORED = runpy.run_path(str(Path(__file__).with_name("stored_runs.py")))
store_run = STORED["store_run"]


@contextmanager
def serving(base, name="quick", **options):
    made = server(name, base, port=0, **options)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    try:
        yield made
    finally:
        made.shutdown()
        made.server_close()


def get(made, path, **headers):
    """Return (status, headers, text) of a GET that is sent as it stands."""
    connection = http.client.HTTPConnection(*made.server_address[:2], timeout=20)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read().decode("utf-8", "replace")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("a base")
    values = {"gmu": {"d": [0.8, 0.7, None]}, "film": {"d": [0.6, "failed", None]}}
    store = store_run(folder / "results" / "quick", values)
    (store.root / "run.log").write_text("      0.1 planned\n      1.0 cell 1 ok 日本\n")
    (folder / "secret.txt").write_text("not for the network")
    return folder


def test_the_page_is_drawn_where_there_is_none_and_served_with_its_progress(base):
    with serving(base) as made:
        status, headers, page = get(made, "/")
        assert status == 200
        assert headers["Content-Type"] == "text/html; charset=utf-8"
        assert "live.json" in page
        assert "live.json" not in (base / "reports" / "quick" / "index.html").read_text("utf-8")
        assert get(made, "/figures/status.svg")[0] == 200


def test_progress_counts_what_is_stored_at_that_moment(base):
    with serving(base) as made:
        found = json.loads(get(made, "/live.json")[2])
        assert (found["planned"], found["done"]) == (6, 4)
        assert found["counts"] == {"failed": 1, "ok": 3}
        assert found["log"] == ["0.1 planned", "1.0 cell 1 ok 日本"]
        assert found["quiet"] >= 0
        plan = json.loads((base / "results" / "quick" / "suite.json").read_text("utf-8"))["plan"]["cells"]
        cell = next(c["cell"] for c in plan if (c["variant"], c["seed"]) == ("gmu", 2))
        path = base / "results" / "quick" / "cells" / cell[:2] / f"{cell}.json"
        write_json(path, {"cell": cell, "status": "timeout"})
        assert json.loads(get(made, "/live.json")[2])["counts"] == {"failed": 1, "ok": 3, "timeout": 1}
        write_json(path, {"cell": cell, "status": "ok"})
        assert json.loads(get(made, "/live.json")[2])["counts"] == {"failed": 1, "ok": 4}
        path.write_text("{half")
        assert json.loads(get(made, "/live.json")[2])["done"] == 4
        path.unlink()


@pytest.mark.parametrize("path", ["/../../secret.txt", "/%2e%2e/%2e%2e/secret.txt", "/figures/", "/nothing"])
def test_nothing_beside_the_report_is_handed_out(base, path):
    with serving(base) as made:
        status, _, text = get(made, path)
        assert status == 404
        assert "not for the network" not in text


def test_a_page_elsewhere_cannot_read_it_through_a_name_that_points_here(base):
    with serving(base) as made:
        assert get(made, "/live.json", Host="evil.example:80")[0] == 403
        assert get(made, "/", Host="localhost")[0] == 200


def test_it_listens_on_loopback_unless_told(base):
    with serving(base) as made:
        assert made.server_address[0] == "127.0.0.1"
        assert address(made).startswith("http://localhost:")
        with pytest.raises(FusebenchError, match=r"cannot listen on 127\.0\.0\.1:\d+ .*--port"):
            server("quick", base, port=made.server_address[1])


def test_a_run_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(FusebenchError, match="No run 'quik' is stored"):
        server("quik", tmp_path)
