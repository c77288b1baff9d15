"""Transfers that are cut, continued, refused or damaged, from a server on this machine; archives; checks."""

import contextlib
import hashlib
import http.server
import io
import os
import re
import signal
import subprocess
import sys
import tarfile
import threading
import time
import zipfile

import pytest

from fusebench.core.errors import DataUnavailableError, FusebenchError
from fusebench.datasets import download
from fusebench.datasets.archive import ArchiveError, unpack
from fusebench.datasets.card import Card
from fusebench.datasets.fetch import Raw, place_of, raw, verify

CONTENT = bytes(range(256)) * 2000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NOWHERE = "http://127.0.0.1:9/absent"  # the discard port: refused at once, no network needed


@pytest.fixture(autouse=True)
def _own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("FUSEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("FUSEBENCH_DATA", raising=False)
    monkeypatch.setattr(download, "PAUSES", (0, 0))


class Site:
    """What the server does: files by path, whether it can go on, and where it cuts which request."""

    def __init__(self):
        self.files, self.ranges, self.tag = {"/a.bin": CONTENT}, True, '"one"'
        self.cuts, self.asked, self.sent, self.slow = {}, [], 0, 0.0

    def answer(self, handler):
        content = self.files.get(handler.path)
        if content is None:
            return handler.send_error(404)
        asked = handler.headers.get("Range")
        self.asked.append(asked)
        start = 0
        if self.ranges and asked and handler.headers.get("If-Range") == self.tag:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if self.ranges:
            handler.send_header("Accept-Ranges", "bytes")
            handler.send_header("ETag", self.tag)
        handler.send_header("Content-Length", str(len(content) - start))
        handler.end_headers()
        end = self.cuts.get(len(self.asked), len(content))
        for at in range(start, end, 1 << 16):
            handler.wfile.write(content[at : min(at + (1 << 16), end)])
            self.sent += min(1 << 16, end - at)
            time.sleep(self.slow)
        return None


@pytest.fixture
def site():
    held = Site()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            with contextlib.suppress(ConnectionError):  # the reader was stopped
                held.answer(self)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    held.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield held
    server.shutdown()
    server.server_close()


def cached_files(tmp_path):
    return sorted(
        p.relative_to(tmp_path / "cache").as_posix() for p in (tmp_path / "cache").rglob("*") if p.is_file()
    )


def source_at(site, **more):
    return Raw("set/a.bin", more.pop("checksum", SHA256), f"{site.url}/a.bin", **more)


def test_a_cut_transfer_goes_on_within_the_call(site, tmp_path, capfd):
    site.cuts = {1: 98_304, 2: 294_912}
    assert raw(source_at(site)).read_bytes() == CONTENT
    assert site.asked == [None, "bytes=98304-", "bytes=294912-"]
    assert site.sent == len(CONTENT)  # no byte twice
    assert cached_files(tmp_path) == ["raw/set/a.bin"]
    told = capfd.readouterr().err.splitlines()
    assert told[0].startswith("Downloading set/a.bin, 512.0 kB, from 127.0.0.1")
    assert told[1].startswith("Going on with set/a.bin at 98.3 kB of 512.0 kB")


def test_a_later_call_goes_on_where_the_last_one_gave_up(site, tmp_path):
    site.cuts = dict.fromkeys(range(1, 4), 196_608)
    with pytest.raises(DataUnavailableError, match=r"cut after 196\.6 kB of 512\.0 kB; what came is kept"):
        raw(source_at(site))
    assert [path.split("/")[0] for path in cached_files(tmp_path)] == ["partial", "partial"]
    assert raw(source_at(site)).read_bytes() == CONTENT
    assert site.asked[-1] == "bytes=196608-" and cached_files(tmp_path) == ["raw/set/a.bin"]


def test_a_file_that_has_changed_since_starts_afresh(site, tmp_path):
    site.cuts = dict.fromkeys(range(1, 4), 196_608)
    with pytest.raises(DataUnavailableError):
        raw(source_at(site))
    site.files["/a.bin"], site.tag = CONTENT[::-1], '"two"'
    other = hashlib.sha256(CONTENT[::-1]).hexdigest()
    assert raw(source_at(site, checksum=other)).read_bytes() == CONTENT[::-1]
    assert cached_files(tmp_path) == ["raw/set/a.bin"]


def test_a_server_that_cannot_go_on_leaves_nothing(site, tmp_path):
    site.ranges, site.cuts = False, dict.fromkeys(range(1, 4), 196_608)
    with pytest.raises(DataUnavailableError) as caught:
        raw(source_at(site))
    assert "cut after 196.6 kB of 512.0 kB)" in str(caught.value) and "\n" not in str(caught.value)
    assert cached_files(tmp_path) == [] and site.asked == [None] * 3
    assert raw(source_at(site)).read_bytes() == CONTENT


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM] if os.name == "posix" else [])
@pytest.mark.parametrize("ranges", [True, False])
def test_a_stopped_process_loses_what_the_server_cannot_continue_and_nothing_else(site, tmp_path, how, ranges):
    site.ranges, site.slow = ranges, 0.05
    # a shell that started this in the background had interrupts ignored
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code += f"from fusebench.datasets.fetch import *; raw(Raw('set/a.bin', {SHA256!r}, {site.url + '/a.bin'!r}))"
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONSAFEPATH": "1"},
        stderr=subprocess.DEVNULL,
        cwd=tmp_path,
    )
    until = time.monotonic() + 60
    while not any(p.stat().st_size for p in (tmp_path / "cache").rglob("content")) and time.monotonic() < until:
        time.sleep(0.01)
    child.send_signal(how)
    child.wait(20)
    site.slow, before = 0, site.sent
    assert not (tmp_path / "cache/raw/set/a.bin").exists()
    assert raw(source_at(site)).read_bytes() == CONTENT
    assert cached_files(tmp_path) == ["raw/set/a.bin"]
    assert (site.asked[-1] is not None) == ranges and before > 0
    assert list((tmp_path / "cache/partial").iterdir()) == []


@pytest.mark.parametrize(
    ("path", "checksum", "words"),
    [
        ("/a.bin", "0" * 64, f"what came has sha256 {SHA256[:16]}… where 0000000000000000… is published"),
        ("/a.bin", "md5:" + "0" * 32, "what came has md5"),
        ("/gone.bin", SHA256, "HTTP 404"),
        (None, SHA256, "no connection to 127.0.0.1:9"),
    ],
)
def test_each_fault_is_one_line_and_leaves_nothing(site, tmp_path, path, checksum, words):
    home = NOWHERE if path is None else site.url + path
    with pytest.raises(DataUnavailableError) as caught:
        raw(Raw("set/a.bin", checksum, home))
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert "set FUSEBENCH_DATA" in str(caught.value) and str(tmp_path) not in str(caught.value)
    assert cached_files(tmp_path) == [] and len(site.asked) <= 1


def test_a_published_md5_or_git_name_is_checked(site):
    git = hashlib.sha1(b"blob %d\0" % len(CONTENT) + CONTENT).hexdigest()
    for checksum in ("md5:" + hashlib.md5(CONTENT).hexdigest(), "git:" + git):
        assert verify(source_at(site, checksum=checksum)) in ("absent", "ok")
        assert raw(source_at(site, checksum=checksum)).read_bytes() == CONTENT


def test_a_disk_too_small_is_told_before_it_is_full(site, tmp_path, monkeypatch):
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(DataUnavailableError, match=r"1\.0 kB free where 512\.0 kB are needed"):
        raw(source_at(site))
    assert not any("raw/" in path for path in cached_files(tmp_path))


def test_without_a_published_checksum_the_first_download_counts(site, tmp_path):
    source = source_at(site, checksum="")
    place = raw(source)
    assert (tmp_path / "cache/raw/set/a.bin.sha256").read_text().strip() == SHA256
    place.write_bytes(b"damaged")
    assert "was downloaded first" in verify(source)
    assert raw(source).read_bytes() == CONTENT
    place.unlink()
    site.files["/a.bin"] = CONTENT[:-1]
    with pytest.raises(DataUnavailableError, match=r"what came has sha256 .* was downloaded first"):
        raw(source)
    assert cached_files(tmp_path) == ["raw/set/a.bin.sha256"]


def test_what_stands_where_is_told_without_downloading(site, tmp_path, monkeypatch):
    source = source_at(site)
    assert verify(source) == "absent" and place_of(source) is None and site.asked == []
    place = raw(source)
    assert verify(source) == "ok" and place_of(source) == place
    (tmp_path / "data/set").mkdir(parents=True)
    (tmp_path / "data/set/a.bin").write_bytes(b"other")
    monkeypatch.setenv("FUSEBENCH_DATA", str(tmp_path / "data"))
    assert "is published" in verify(source) and place_of(source) == tmp_path / "data/set/a.bin"


def test_what_only_people_may_fetch_says_how(tmp_path):
    source = Raw("set/a.bin", SHA256, "", by_hand="sign the form at example.org and put the file at set/a.bin")
    with pytest.raises(DataUnavailableError, match=r"cannot be fetched by a program: sign the form .*a\.bin\.$"):
        raw(source)


PICTURES = {"birds/images/1.wren/a.jpg": b"a", "birds/images/2.tit/a.jpg": b"b", "birds/names.txt": b"wren\ntit\n"}
OTHERS = {"birds/images/._a.png": b"x", "elsewhere/a.jpg": b"y"}
WANTED = ("birds/images/*.jpg", "birds/names.txt")


def packed(kind, members):
    stream = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as held:
            for name, content in members.items():
                held.writestr(name, content)
    else:
        with tarfile.open(fileobj=stream, mode=kind) as held:
            for name, content in members.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                held.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["zip", "w", "w:gz", "w:xz"])
def test_a_tree_of_an_archive_keeps_its_paths(site, tmp_path, kind):
    site.files["/birds.tgz"] = packed(kind, PICTURES | OTHERS)
    source = Raw("birds", "", f"{site.url}/birds.tgz", archive=True, members=WANTED)
    place = raw(source)
    assert {p.relative_to(place).as_posix(): p.read_bytes() for p in source.files(place)} == PICTURES
    assert sorted(p.name for p in place.rglob("*") if p.is_file()) == ["a.jpg", "a.jpg", "names.txt"]
    assert verify(source) == "ok"
    (place / "birds/images/2.tit/a.jpg").write_bytes(b"c")
    assert "was downloaded first" in verify(source)
    assert raw(source) == place and verify(source) == "ok"  # from the archive that was kept
    assert len(site.asked) == 1


@pytest.mark.parametrize("outer", ["zip", "w:gz"])
@pytest.mark.parametrize("inner", ["zip", "w"])
def test_an_archive_in_an_archive_is_opened(tmp_path, outer, inner):
    name = "part.zip" if inner == "zip" else "part.tar"
    (tmp_path / "all").write_bytes(packed(outer, {"read.me": b"", name: packed(inner, PICTURES)}))
    (tmp_path / "to").mkdir()
    assert unpack(tmp_path / "all", tmp_path / "to", lambda path: path.endswith(".jpg")) == 2
    assert (tmp_path / "to/birds/images/1.wren/a.jpg").read_bytes() == b"a"


@pytest.mark.parametrize("kind", ["zip", "w"])
@pytest.mark.parametrize("name", ["../out.jpg", "/out.jpg", "a/../../out.jpg", "c:/out.jpg", "..\\out.jpg"])
def test_a_member_that_leads_out_of_the_folder_is_refused(site, tmp_path, kind, name):
    site.files["/a.zip"] = packed(kind, {"good.jpg": b"a", name: b"b"})
    source = Raw("pictures", "", f"{site.url}/a.zip", archive=True, members=("*.jpg",))
    with pytest.raises(DataUnavailableError, match="is not one below a folder"):
        raw(source)
    assert cached_files(tmp_path) == [] and not list(tmp_path.rglob("out.jpg"))


def test_links_in_an_archive_are_left_out(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as held:
        link = tarfile.TarInfo("a.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        held.addfile(link)
    (tmp_path / "to").mkdir()
    assert unpack(tmp_path / "a.tar", tmp_path / "to", lambda _: True) == 0
    assert list((tmp_path / "to").iterdir()) == []


@pytest.mark.parametrize("kind", ["zip", "w:gz", "w:xz"])
def test_a_damaged_archive_is_told(tmp_path, kind):
    content = bytearray(packed(kind, {"a.jpg": os.urandom(5000)}))
    content[2000:2100] = bytes(100)
    (tmp_path / "a").write_bytes(content)
    (tmp_path / "to").mkdir()
    with pytest.raises(ArchiveError, match=r"is damaged|neither a zip nor a tar"):
        unpack(tmp_path / "a", tmp_path / "to", lambda _: True)


def test_an_archive_with_a_published_checksum_is_checked_itself(site, tmp_path):
    site.files["/b.zip"] = packed("zip", PICTURES)
    good = "md5:" + hashlib.md5(site.files["/b.zip"]).hexdigest()
    source = Raw("b", "", f"{site.url}/b.zip", archive=True, members=WANTED, archive_checksum="md5:" + "0" * 32)
    with pytest.raises(DataUnavailableError, match=r"the archive has md5 .* where 0000"):
        raw(source)
    assert cached_files(tmp_path) == []
    raw(Raw("b", "", f"{site.url}/b.zip", archive=True, members=WANTED, archive_checksum=good))


def test_a_kept_archive_that_was_damaged_since_comes_again(site, tmp_path):
    site.files["/b.zip"] = packed("zip", PICTURES)
    source = Raw("b", "", f"{site.url}/b.zip", archive=True, members=WANTED)
    raw(source)
    (kept,) = (tmp_path / "cache/archives").iterdir()
    kept.write_bytes(b"PK")
    (tmp_path / "cache/raw/b/birds/names.txt").unlink()
    raw(source)
    assert verify(source) == "ok" and len(site.asked) == 2


def test_an_archive_in_the_users_folder_serves(tmp_path, monkeypatch):
    (tmp_path / "data/set").mkdir(parents=True)
    (tmp_path / "data/set/b.zip").write_bytes(packed("zip", PICTURES))
    monkeypatch.setenv("FUSEBENCH_DATA", str(tmp_path / "data"))
    source = Raw("set/b", "", "http://127.0.0.1:9/b.zip?download=1", archive=True, members=WANTED, by_hand="ask")
    assert (raw(source) / "birds/names.txt").read_bytes() == b"wren\ntit\n"
    with pytest.raises(
        FusebenchError, match=r"comes in an archive, 'b\.zip', and holds no file like 'x/\*'"
    ) as caught:
        raw(Raw("set/c", "", "http://127.0.0.1:9/b.zip", archive=True, members=("x/*",)))
    assert not isinstance(caught.value, DataUnavailableError)


def test_a_base_url_serves_an_archive_of_a_tree(site, monkeypatch):
    site.files["/mirror/set/b.zip"] = packed("zip", PICTURES)
    monkeypatch.setenv("FUSEBENCH_DATA", f"{site.url}/mirror")
    source = Raw("set/b", "", "http://127.0.0.1:9/b.zip", archive=True, members=WANTED)
    assert (raw(source) / "birds/names.txt").exists()


def test_a_card_states_each_checksum_once_and_knows_whether_it_is_verified():
    known, unknown = Raw("a", SHA256, NOWHERE), Raw("b", "", NOWHERE)
    facts = dict(title="t", summary="s", pairing="natural", source_family="f", checksum_source="as published")
    assert Card(**facts, sources=(known,)).files == {"a": SHA256}
    assert Card(**facts, sources=(known,)).verified
    assert not Card(**facts, sources=(known, unknown)).verified
    assert not Card(**facts, sources=(known,), met=False).verified
    assert not Card(**facts | {"checksum_source": ""}, files={"a": SHA256}).verified
    assert Card(**facts | {"checksum_source": ""}).verified  # nothing to check
