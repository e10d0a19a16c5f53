"""Downloading from a stand-in for OSF: what is asked for, what is kept, and what is survived."""

import contextlib
import gzip
import hashlib
import json
import logging
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from dataclasses import replace
from email.utils import formatdate
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from tqdm import tqdm
from urllib3.util import Retry

from rockspace.data import osf, web
from rockspace.data.archive import fetch
from rockspace.data.manifest import Entry, lost_files, verify
from rockspace.data.web import BearerToken, Client, Patience, TransientError, _pause
from rockspace.errors import RockspaceError
from standin_osf import FAULTS, ROOT, TRAVERSAL, Fault, StandIn, every_fault
from standin_osf_answers import item_of
from workflow_runs import wait_until

SPLITS = {
    "train": {"images": "360 Rocks/*.jpg", "coordinates": "mds_360.txt"},
    "validation": {"images": "120 Rocks/*.jpg", "coordinates": "mds_120.txt"},
}
FAST = Patience(
    retries=Retry(total=3, backoff_factor=0.01, backoff_max=0.02, retry_after_max=0.02),
    connect_s=2,
    read_s=0.4,
    contact_s=5,
)
TOKEN = "a-secret-that-nobody-may-read"
SLOW = "less than 100 bytes a second"
TESTS = Path(__file__).parent


@pytest.fixture(autouse=True)
def direct_connections(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.delenv(osf.TOKEN_VARIABLE, raising=False)


@pytest.fixture
def published(tmp_path):
    """A small archive, with files and folders that nobody asks for."""
    return archive(tmp_path / "published", 12)


@pytest.fixture
def long_archive(tmp_path):
    """An archive with a folder of more than one page."""
    return archive(tmp_path / "published", 103)


def archive(folder: Path, count: int) -> Path:
    sizes = {f"360 Rocks/I_Andesite_{i:03d}.jpg": 500 + i for i in range(count)}
    sizes |= {f"120 Rocks/S_Rock Gypsum_{i}_120.jpg": 90_000 for i in range(4)}
    sizes |= {"mds_360.txt": 300, "mds_120.txt": 200, "notes.docx": 10, "360 Rocks/._hidden.jpg": 10}
    sizes |= {"Raw data/subjects.csv": 10, "360 Rocks/thumbnails/I_Andesite_000.jpg": 10}
    for path, size in sizes.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes((hashlib.sha256(path.encode()).digest() * (size // 32 + 1))[:size])
    return folder


@pytest.fixture
def study(tmp_path):
    folder = tmp_path / "study"
    folder.mkdir()
    return folder


def wanted(published: Path) -> list[str]:
    images = [f"{folder}/{f.name}" for folder in ("120 Rocks", "360 Rocks") for f in published.glob(f"{folder}/[IS]*")]
    return sorted([*images, "mds_120.txt", "mds_360.txt"])


def run(standin: StandIn, study: Path, patience: Patience = FAST) -> None:
    dataset = {"source": "osf", "osf": {"node": "d6b9y", "api": standin.api}, "splits": SPLITS}
    fetch(dataset, study / "raw", study / "raw.manifest.json", patience=patience)


def started(standin: StandIn, study: Path) -> subprocess.Popen:
    """The same in a process of its own, with its progress shown."""
    program = (
        "import json, sys; from pathlib import Path; from rockspace.data.archive import fetch\n"
        "fetch(json.loads(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))"
    )
    dataset = {"source": "osf", "osf": {"node": "d6b9y", "api": standin.api}, "splits": SPLITS}
    environment = {name: value for name, value in os.environ.items() if name != "TQDM_DISABLE"}
    return subprocess.Popen(
        [sys.executable, "-c", program, json.dumps(dataset), study / "raw", study / "raw.manifest.json"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )


def files_below(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def stored(study: Path) -> list[str]:
    return files_below(study / ".raw.store")


def assert_mirrors(study: Path, published: Path) -> None:
    assert files_below(study / "raw") == wanted(published)
    for path in wanted(published):
        assert (study / "raw" / path).read_bytes() == (published / path).read_bytes()
    assert verify(study / "raw", study / "raw.manifest.json")


def assert_one_line(error: Exception) -> str:
    assert "\n" not in str(error)
    return str(error)


def test_raw_mirrors_the_wanted_files_and_the_manifest_describes_them(published, study):
    with StandIn(published) as standin:
        run(standin, study)
    assert_mirrors(study, published)
    manifest = json.loads((study / "raw.manifest.json").read_text())
    assert [entry["path"] for entry in manifest] == wanted(published)
    for entry in manifest:
        content = (published / entry["path"]).read_bytes()
        assert entry["size"] == len(content)
        assert entry["md5"] == hashlib.md5(content).hexdigest()
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()
        assert entry["url"].startswith(standin.api.removesuffix("v2"))


def test_every_page_is_read_but_only_folders_that_can_hold_a_wanted_file(long_archive, study):
    with StandIn(long_archive) as standin:
        run(standin, study)
    assert standin.asked("listing") == {ROOT: 1, "360 Rocks": 2, "120 Rocks": 1}
    sizes = [request.query["page[size]"] for request in standin.log if request.kind == "listing"]
    assert sizes == [["100"]] * 4


def test_each_wanted_file_is_asked_for_once_and_nothing_else(published, study):
    with StandIn(published) as standin:
        run(standin, study)
    assert standin.asked("content") == dict.fromkeys(wanted(published), 1)


def test_pages_of_ten_are_followed_where_the_api_gives_no_more(long_archive, study, monkeypatch):
    monkeypatch.setattr(osf, "PAGE_SIZE", 10)
    with StandIn(long_archive) as standin:
        run(standin, study)
    assert standin.asked("listing")["360 Rocks"] == 11
    assert_mirrors(study, long_archive)


def test_files_are_fetched_in_parallel_and_not_by_more_threads_than_asked(published, study):
    with StandIn(published, latency_s=0.05) as standin:
        osf.download(standin.api, "d6b9y", ["*/*_120.jpg", "360 Rocks/I_Andesite_00*"], study / "a", transfers=3)
    assert 1 < standin.most_at_once <= 3


def test_progress_counts_files_and_bytes(published, study):
    with StandIn(published) as standin, started(standin, study) as process:
        shown = process.communicate()[1]
    assert "18/18 files" in shown
    assert re.search(r"100%.* ([\d.]+k)/\1 \[", shown)


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_at_one_file_costs_one_more_request_for_it(kind, published, study):
    path = "360 Rocks/I_Andesite_005.jpg"
    with StandIn(published, faults=[Fault(kind, path)]) as standin:
        run(standin, study)
    assert_mirrors(study, published)
    at = "link" if kind in ("429", "503") else "content"
    assert standin.asked(at) == dict.fromkeys(wanted(published), 1) | {path: 2}


@pytest.mark.parametrize("kind", ["429", "503", "api-cut", "not-json"])
@pytest.mark.parametrize("at", [ROOT, "360 Rocks"])
def test_a_fault_at_a_listing_costs_one_more_request_for_it(kind, at, published, study):
    with StandIn(published, faults=[Fault(kind, at)]) as standin:
        run(standin, study)
    assert_mirrors(study, published)
    expected = {ROOT: 1, "360 Rocks": 1, "120 Rocks": 1}
    assert standin.asked("listing") == expected | {at: expected[at] + 1}


def test_all_faults_together_are_survived(published, study):
    with StandIn(published, faults=every_fault(published)) as standin:
        run(standin, study)
    assert_mirrors(study, published)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("429", "429 Too Many Requests"),
        ("503", "503"),
        ("truncated", "its size is 252, published is 505"),
        ("checksum", "its md5 is"),
        ("hang", "no answer within 0.4 s"),
        ("cut", "the connection was cut"),
        ("storage-503", "503"),
    ],
)
def test_a_lasting_fault_ends_in_one_line_that_names_the_file_and_nothing_half_written(kind, reason, published, study):
    path = "360 Rocks/I_Andesite_005.jpg"
    with (
        StandIn(published, faults=[Fault(kind, path, times=99)]) as standin,
        pytest.raises(RockspaceError) as caught,
    ):
        run(standin, study)
    message = assert_one_line(caught.value)
    assert path in message
    assert "in 4 attempts" in message
    assert reason in message
    assert os.listdir(study) == [".raw.store"]
    assert path not in stored(study)
    for kept in stored(study):
        assert (study / ".raw.store" / kept).read_bytes() == (published / kept).read_bytes()


@pytest.mark.parametrize("hashes", [(), ("md5",), ("sha256",)])
def test_what_the_api_says_of_a_file_is_checked_and_no_more_is_needed(hashes, published, study):
    path = "mds_360.txt"
    kind = "checksum" if hashes else "truncated"
    with StandIn(published, faults=[Fault(kind, path)], hashes=hashes) as standin:
        run(standin, study)
    assert_mirrors(study, published)
    assert standin.asked("content")[path] == 2


def test_a_second_run_fetches_nothing(published, study):
    with StandIn(published) as standin:
        run(standin, study)
        manifest = (study / "raw.manifest.json").read_bytes()
        standin.log.clear()
        run(standin, study)
    assert standin.asked("content") == {}
    assert (study / "raw.manifest.json").read_bytes() == manifest


def test_only_what_is_missing_or_wrong_is_fetched_again(published, study):
    missing, changed, short = "mds_120.txt", "360 Rocks/I_Andesite_007.jpg", "360 Rocks/I_Andesite_008.jpg"
    with StandIn(published) as standin:
        run(standin, study)
        shutil.rmtree(study / "raw")
        store = study / ".raw.store"
        (store / missing).unlink()
        (store / changed).write_bytes(b"x" * (store / changed).stat().st_size)
        (store / short).write_bytes(b"")
        standin.log.clear()
        run(standin, study)
    assert standin.asked("content") == {missing: 1, changed: 1, short: 1}
    assert_mirrors(study, published)


def test_a_file_published_anew_is_fetched_anew(published, study):
    with StandIn(published) as standin:
        run(standin, study)
        (published / "mds_120.txt").write_text("1 2 3\n")
        standin.log.clear()
        run(standin, study)
    assert standin.asked("content") == {"mds_120.txt": 1}
    assert_mirrors(study, published)


def test_raw_heals_without_another_download(published, study):
    raw, manifest = study / "raw", study / "raw.manifest.json"
    with StandIn(published) as standin:
        run(standin, study)
        (raw / "mds_120.txt").unlink()
        assert lost_files(raw, manifest) == ["mds_120.txt"]
        with pytest.raises(RockspaceError, match=r"mds_120\.txt is missing"):
            verify(raw, manifest)
        standin.log.clear()
        run(standin, study)
    assert standin.asked("content") == {}
    assert lost_files(raw, manifest) == []
    assert_mirrors(study, published)


def test_a_failed_run_is_continued_where_it_stopped(published, study):
    path = "360 Rocks/I_Andesite_005.jpg"
    with StandIn(published, faults=[Fault("cut", path, times=1)]) as standin:
        with pytest.raises(RockspaceError, match="in 1 attempts"):
            run(standin, study, replace(FAST, retries=Retry(0)))
        kept = stored(study)
        standin.log.clear()
        run(standin, study, replace(FAST, read_s=10))  # however slow this machine is
    assert kept
    assert standin.asked("content") == dict.fromkeys(set(wanted(published)) - set(kept), 1)
    assert_mirrors(study, published)


def test_a_killed_run_is_continued_where_it_stopped(long_archive, study):
    path = wanted(long_archive)[-1]
    with StandIn(long_archive, faults=[Fault("hang", path, times=1)]) as standin:
        process = started(standin, study)
        wait_until(lambda: len(stored(study)) == len(wanted(long_archive)) - 1 and standin.asked("content")[path])
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert not (study / "raw").exists()
        assert path not in stored(study)
        standin.log.clear()
        run(standin, study, replace(FAST, read_s=10))
    assert standin.asked("content") == {path: 1}
    assert_mirrors(study, long_archive)
    assert sorted(os.listdir(study)) == [".raw.store", "raw", "raw.manifest.json"]


def test_the_token_goes_to_the_api_and_nowhere_else(published, study, monkeypatch, caplog, capfd):
    monkeypatch.setenv(osf.TOKEN_VARIABLE, f" {TOKEN}\n")
    caplog.set_level(logging.DEBUG)
    faults = [*every_fault(published), Fault("cut", "mds_120.txt", times=99)]
    with StandIn(published, faults=faults) as standin:
        with pytest.raises(RockspaceError) as caught:
            run(standin, study)
        faults[-1].times = 0
        run(standin, study)
    sent = [headers["Authorization"] for kind in ("listing", "link") for headers in standin.headers(kind)]
    assert set(sent) == {f"Bearer {TOKEN}"}
    contents = standin.headers("content")
    assert contents
    assert all("Authorization" not in headers for headers in contents)
    written = "".join(f.read_text() for f in study.rglob("*.json"))
    ours = "".join(record.getMessage() for record in caplog.records if record.name.startswith("rockspace"))
    assert "trying again" in ours
    for text in (caplog.text, *capfd.readouterr(), written, repr(caught.value)):
        assert TOKEN not in text
    # Where a link redirects to is signed, which makes it a secret as well.
    assert "signature=" not in ours + written + str(caught.value)


def test_what_may_be_secret_in_the_links_of_a_server_is_neither_shown_nor_kept(published, study, caplog):
    with StandIn(published, faults=[fault := Fault("storage-503", "mds_120.txt", times=99)]) as standin:
        item = item_of(standin, ROOT, "mds_120.txt", published / "mds_120.txt")
        link = item["links"]["download"]
        signed = f"{link.replace('//', f'//maria:{TOKEN}@')}?token={TOKEN}#{TOKEN}"
        standin.odd["mds_120.txt"] = {"links": {"download": signed}}
        with pytest.raises(RockspaceError) as lasting:
            run(standin, study)
        fault.times = 0
        run(standin, study)
        kept = (study / "raw.manifest.json").read_text()
        standin.next_page = f"{standin.api}/nodes/{standin.node}/files/osfstorage/?view_only={TOKEN}"
        with pytest.raises(RockspaceError, match="never end") as endless:
            run(standin, study)
        standin.next_page = f"http://maria:{TOKEN}@127.0.0.1:1/?view_only={TOKEN}"
        with pytest.raises(RockspaceError) as elsewhere:
            run(standin, study)
    assert link in kept
    ours = "".join(record.getMessage() for record in caplog.records if record.name.startswith("rockspace"))
    for text in (kept, ours, *map(str, (lasting.value, endless.value, elsewhere.value))):
        assert link in text or "127.0.0.1" in text
        assert TOKEN not in text


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://files.osf.io/v1/a@b/c", "https://files.osf.io/v1/a@b/c"),
        ("https://maria:secret@osf.io/a", "https://osf.io/a"),
        ("https://secret@osf.io?secret", "https://osf.io"),
        ("https://a@secret@osf.io/#secret", "https://osf.io/"),
        ("//maria:secret@osf.io", "//osf.io"),
        ("maria:secret@osf.io/a", "maria:osf.io/a"),
        ("HTTPS:\\\\x:secret@osf.io\\a", "HTTPS:\\\\osf.io\\a"),
        ("https://secret@[::1/?secret\n", "https://[::1/"),
    ],
)
def test_an_address_is_shown_without_user_password_query_and_fragment(url, shown):
    assert web.public(url) == shown


def test_a_listing_of_many_pages_says_how_far_it_is(long_archive, study, monkeypatch, capfd):
    monkeypatch.setattr(osf, "LISTING_S", 0)
    monkeypatch.setattr(osf, "tqdm", partial(tqdm, disable=False, mininterval=0))
    with StandIn(long_archive) as standin:
        run(standin, study)
    assert "listing: 4 pages [" in capfd.readouterr().err


def test_without_a_token_no_authorization_is_sent(published, study):
    with StandIn(published) as standin:
        run(standin, study)
    assert not any("Authorization" in request.headers for request in standin.log)


@pytest.mark.parametrize("token", ["two words", "caf\u00e9", "line\nbreak"])
def test_a_malformed_token_is_refused_without_being_shown(token, study, monkeypatch):
    monkeypatch.setenv(osf.TOKEN_VARIABLE, token)
    with pytest.raises(RockspaceError, match="OSF_TOKEN is not a token") as caught:
        osf.download("https://api.osf.io/v2", "d6b9y", ["*.txt"], study / "store")
    assert token not in assert_one_line(caught.value)


def test_a_token_does_not_travel_unencrypted(study, monkeypatch):
    monkeypatch.setenv(osf.TOKEN_VARIABLE, TOKEN)
    with pytest.raises(RockspaceError, match="unencrypted"):
        osf.download("http://api.osf.io/v2", "d6b9y", ["*.txt"], study / "store")


@pytest.mark.parametrize(
    ("url", "is_trusted"),
    [
        ("https://api.osf.io/v2/nodes/", True),
        ("https://osf.io/download/abc/", True),
        ("https://files.osf.io/v1/resources/", True),
        ("http://osf.io/download/abc/", False),
        ("https://osf.io:8443/", False),
        ("https://notosf.io/", False),
        ("https://osf.io.example.org/", False),
        ("https://storage.googleapis.com/", False),
    ],
)
def test_the_token_is_meant_for_hosts_of_osf(url, is_trusted):
    assert BearerToken(TOKEN, "https://api.osf.io/v2").trusts(url) == is_trusted


@pytest.mark.parametrize("url", ["https://10.0.0.7/", "http://10.0.0.7:8000/", "http://10.0.0.70:80/"])
def test_another_api_gets_the_token_at_its_own_address_alone(url):
    assert not BearerToken(TOKEN, "http://10.0.0.7:80/v2").trusts(url)


@pytest.mark.parametrize(
    "name",
    [
        TRAVERSAL,
        "..",
        "../../mds_360.txt",
        "/etc/passwd",
        "..\\escaped.jpg",
        "C:escaped.jpg",
        "nul\0byte.jpg",
        "line\nbreak.jpg",
        "\ud800.jpg",
        "x" * 300,
        "",
    ],
)
def test_a_name_that_could_leave_raw_is_skipped_with_a_word_where_no_pattern_wants_it(name, published, study, caplog):
    with StandIn(published, alien_names=(name,)) as standin:
        run(standin, study)
    assert_mirrors(study, published)
    (told,) = (record.getMessage() for record in caplog.records if "skipped" in record.getMessage())
    assert told.isprintable()


@pytest.mark.parametrize(
    "name", ["Icon\r", "nul\0byte.jpg", "line\nbreak.jpg", "back\\slash", "C:escaped.jpg", "x" * 300, "360 Rocks/x.jpg"]
)
def test_a_name_that_could_leave_raw_is_refused_where_a_pattern_wants_it(name, published, study):
    with StandIn(published, alien_names=(name,)) as standin, pytest.raises(RockspaceError) as caught:
        osf.download(standin.api, "d6b9y", ["*", "360 Rocks/*"], study / "store", patience=FAST)
    assert "refused" in assert_one_line(caught.value)
    assert standin.asked("content") == {}
    assert files_below(study) == []


WITHOUT_LINK = {"links": {"download": None}}
ODD_SIZE = {"attributes": {"kind": "file", "name": "odd.txt", "size": 1e400, "extra": {}}}


def of_size(size: object = None, **hashes: object) -> dict:
    return {"attributes": {"kind": "file", "name": "odd.txt", "size": size, "extra": {"hashes": hashes}}}


@pytest.mark.parametrize(
    "odd",
    [
        *(WITHOUT_LINK, ODD_SIZE, {"links": {}}, *map(of_size, (-1, 1.5, True, "1_0"))),
        *(of_size(md5="abc"), of_size(md5="0" * 64), of_size(sha256="x" * 64), of_size(sha256=["0" * 64])),
    ],
)
def test_an_entry_that_cannot_be_downloaded_matters_only_where_a_pattern_wants_it(odd, published, study):
    (published / "odd.txt").write_text("1")
    with StandIn(published, odd={"odd.txt": odd}) as standin:
        run(standin, study)
        assert_mirrors(study, published)
        with pytest.raises(RockspaceError, match=r"lists 'odd\.txt' without a link") as caught:
            osf.download(standin.api, "d6b9y", ["odd.txt"], study / "other", patience=FAST)
    assert_one_line(caught.value)


@pytest.mark.parametrize(
    ("odd", "shown"),
    [
        ({"links": {"download": "http://127.0.0.1:1/\x1b]0;x\x07\r\nerror: all is well"}}, r"/\x1b]0;x\x07\r\nerror"),
        ({"links": {"download": "http://127.0.0.1:1/\u202egpj"}}, r"/\u202egpj"),
        ({"links": {"download": "http://[/" + "x" * 10**6}}, "x ... x"),
    ],
)
def test_an_address_of_a_server_is_shown_in_plain_characters_on_one_short_line(odd, shown, published, study, caplog):
    (published / "odd.txt").write_text("1")
    with StandIn(published, odd={"odd.txt": odd}) as standin, pytest.raises(RockspaceError) as caught:
        osf.download(standin.api, "d6b9y", ["odd.txt"], study / "store", patience=FAST)
    assert_one_line(caught.value)
    for line in (str(caught.value), caplog.text.replace("\n", "")):
        assert line.isascii()
        assert "\x1b" not in line
    assert shown in str(caught.value)
    assert len(str(caught.value)) < 1000


def drip(connection: socket.socket) -> None:
    """An answer that keeps within every time-out of a read, and never begins."""
    with contextlib.suppress(OSError):
        while True:
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            time.sleep(0.01)


def test_an_answer_that_never_begins_is_given_up(monkeypatch):
    monkeypatch.setattr(web, "HEAD_READS", 1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        for _ in range(FAST.contact_attempts):
            threading.Thread(target=lambda: drip(server.accept()[0]), daemon=True).start()
        api = f"http://127.0.0.1:{server.getsockname()[1]}/v2"
        refusal = pytest.raises(RockspaceError, match=r"cannot be reached \(its answer does not begin within 0\.4 s\)")
        with Client(BearerToken(None, api), FAST) as client, refusal:
            client.json(api)


def test_a_file_without_a_published_size_has_a_largest_one(published, study, monkeypatch):
    monkeypatch.setattr(web, "MAX_FILE_BYTES", 10)
    odd = {"attributes": {"kind": "file", "name": "mds_120.txt", "size": None, "extra": {}}}
    with StandIn(published, odd={"mds_120.txt": odd}) as standin, pytest.raises(RockspaceError) as caught:
        osf.download(standin.api, "d6b9y", ["mds_120.txt"], study / "store", patience=FAST)
    assert "longer than 10 bytes, and its size is not published" in str(caught.value)
    assert files_below(study) == []


def test_a_folder_whose_address_is_none_is_one_line(published, study):
    odd = {"relationships": {"files": {"links": {"related": {"href": 5}}}}}
    with (
        StandIn(published, odd={"360 Rocks": odd}) as standin,
        pytest.raises(RockspaceError, match="does not list files"),
    ):
        osf.download(standin.api, "d6b9y", ["360 Rocks/*.jpg"], study / "store", patience=FAST)


@pytest.mark.parametrize("following", [5, True, [], {"href": "x"}, "http://[", "//a..b/", "http://\xff/"])
def test_a_next_page_that_is_no_address_is_one_line(following, published, study):
    with StandIn(published, next_page=following) as standin, pytest.raises(RockspaceError) as caught:
        osf.download(standin.api, "d6b9y", ["*.txt"], study / "store", patience=FAST)
    assert_one_line(caught.value)


def test_a_registration_is_downloaded_like_a_node(published, study):
    with StandIn(published, kind="registrations") as standin:
        run(standin, study)
    assert_mirrors(study, published)


def test_files_in_components_and_with_other_providers_are_pointed_to(published, study):
    standin = StandIn(published, components=("abcde", "fghij"), providers=("github",))
    with standin, pytest.raises(RockspaceError) as caught:
        osf.download(standin.api, "d6b9y", ["Photographs/*.jpg"], study / "store", patience=FAST)
    message = assert_one_line(caught.value)
    assert "components, whose files are asked for by dataset.osf.node: 'abcde', 'fghij'" in message
    assert "files kept with 'github' are not in OSF's own storage" in message


@pytest.mark.parametrize("token", [TOKEN, None])
@pytest.mark.parametrize(
    ("status", "with_token", "without"),
    [
        (401, "does not accept the token in OSF_TOKEN", "a private node needs a personal token"),
        (403, "may not read it", "a private node needs a personal token"),
        (429, "daily limit for an account", "about 100 requests an hour: make one at"),
    ],
)
def test_the_advice_fits_whether_there_is_a_token(status, with_token, without, token, study, monkeypatch, caplog):
    class Refusing(Saying):
        answers = (status, b"{}", {"Retry-After": "1"})

    if token:
        monkeypatch.setenv(osf.TOKEN_VARIABLE, token)
    with serving(Refusing) as server, pytest.raises(RockspaceError) as caught:
        osf.download(f"http://127.0.0.1:{server.server_port}/v2", "d6b9y", ["*"], study / "s", patience=FAST)
    assert (with_token if token else without) in assert_one_line(caught.value)
    assert status != 429 or (with_token if token else without) in caplog.text


class Saying(BaseHTTPRequestHandler):
    """Gives the same answer to everything: status, body, headers."""

    answers: tuple[int, bytes, dict[str, str]] = (200, b"", {})

    def do_GET(self):
        status, body, headers = self.answers
        self.send_response(status, "a\x1b[31mreason")
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.mark.parametrize(
    "location",
    [
        "http://[",
        "\xff",
        "http://a..b/",
        "http://\xff/",
        "//",
        "http://host:port/",
        "gopher://x/",
        "http://" + "a" * 300 + "/",
    ],
)
def test_a_malformed_redirect_is_one_line(location, tmp_path):
    class Redirecting(Saying):
        answers = (302, b"", {"Location": location})

    with (
        serving(Redirecting) as server,
        Client(BearerToken(None, ""), FAST) as client,
        pytest.raises(RockspaceError) as caught,
    ):
        client.json(f"http://127.0.0.1:{server.server_port}/")
    assert assert_one_line(caught.value).isprintable()


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (200, b"[" * 200_000, "is not JSON"),
        (200, b'{"a": ' * 100_000, "is not JSON"),
        (200, b"\xff\xfe", "is not JSON"),
        (200, b"1" * 5_000, "is not JSON"),
        (204, b"", "204 No Content"),
        (206, b"{}", "206 Partial Content"),
        (299, b"{}", "299"),
        (418, b"{}", "418 I'm a Teapot"),
    ],
)
def test_an_answer_that_is_none_is_one_line(status, body, words):
    class Odd(Saying):
        answers = (status, body, {})

    with (
        serving(Odd) as server,
        Client(BearerToken(None, ""), FAST) as client,
        pytest.raises(RockspaceError) as caught,
    ):
        client.json(f"http://127.0.0.1:{server.server_port}/")
    assert words in assert_one_line(caught.value)
    assert caught.value.args[0].isprintable()


def test_a_listing_without_end_and_a_body_that_trickles_are_given_up(monkeypatch, study):
    class Endless(Saying):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(OSError):
                while True:
                    self.wfile.write(self.chunk)
                    time.sleep(self.pause_s)

    class Flood(Endless):
        chunk, pause_s = b" " * 100_000, 0

    class Trickle(Endless):
        chunk, pause_s = b" ", 0.05

    class Slowing(Trickle):
        def do_GET(self):
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 900_000)
            with contextlib.suppress(OSError):
                super().do_GET()

    monkeypatch.setattr(web, "MAX_JSON_BYTES", 1_000_000)
    monkeypatch.setattr(web, "MAX_JSON_S", 5)
    for handler, words in [(Flood, "longer than 1,000,000 bytes"), (Trickle, SLOW), (Slowing, SLOW)]:
        with (
            serving(handler) as server,
            Client(BearerToken(None, ""), replace(FAST, retries=Retry(0))) as client,
            pytest.raises(RockspaceError, match=words),
        ):
            client.json(f"http://127.0.0.1:{server.server_port}/")


def test_pages_without_end_are_given_up(published, study, monkeypatch):
    monkeypatch.setattr(osf, "MAX_PAGES", 3)

    class More(Saying):
        def do_GET(self):
            number = int(self.path.partition("page=")[2] or 1)
            document = {"data": [], "links": {"next": f"?page={number + 1}"}}
            self.answers = (200, json.dumps(document).encode(), {})
            super().do_GET()

    with serving(More) as server, pytest.raises(RockspaceError, match="never end"):
        osf.download(f"http://127.0.0.1:{server.server_port}/v2", "d6b9y", ["*"], study / "s", patience=FAST)


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_a_chunked_answer_is_read_to_its_end(encoding):
    document = {"numbers": list(range(50_000))}

    class Chunked(Saying):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            body = json.dumps(document).encode()
            body = gzip.compress(body) if encoding == "gzip" else body
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.send_header("Content-Encoding", encoding)
            self.end_headers()
            for start in range(0, len(body), 1000):
                chunk = body[start : start + 1000]
                self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
            self.wfile.write(b"0\r\n\r\n")
            self.close_connection = True

    with serving(Chunked) as server, Client(BearerToken(None, ""), FAST) as client:
        assert client.json(f"http://127.0.0.1:{server.server_port}/") == document


@pytest.mark.parametrize("kind", ["cut", "hang"])
def test_a_transfer_that_stops_is_resumed_where_it_stopped(kind, published, study):
    path = "120 Rocks/S_Rock Gypsum_0_120.jpg"
    with StandIn(published, faults=[Fault(kind, path)]) as standin:
        run(standin, study)
    asked = [
        request.headers.get("Range") for request in standin.log if (request.kind, request.path) == ("content", path)
    ]
    assert asked == [None, "bytes=45000-"]
    assert_mirrors(study, published)


@pytest.mark.parametrize("kind", ["no-rest", "part"])
def test_a_rest_that_a_server_does_not_have_is_downloaded_with_all_before_it(kind, published, study):
    """As where the connection was cut after the last byte: there is no rest to ask for."""
    with StandIn(published, faults=[Fault("cut", "mds_120.txt"), Fault(kind, "mds_120.txt")]) as standin:
        run(standin, study)
        assert_mirrors(study, published)
        asked = [each.headers["Range"] for each in standin.log if (each.kind, each.path) == ("content", "mds_120.txt")]
    assert asked == [None, "bytes=100-", None]


def test_a_part_in_place_of_all_is_refused(published, study):
    standin = StandIn(published, faults=[Fault("part", "mds_120.txt", times=99)])
    words = r"mds_120\.txt.*206 Partial Content to a request for all"
    with standin, pytest.raises(RockspaceError, match=words) as caught:
        run(standin, study)
    assert_one_line(caught.value)


@pytest.mark.parametrize("link", ["360 Rocks", "mds_360.txt"])
def test_nothing_is_written_through_a_symbolic_link(link, published, study, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    store = study / ".raw.store"
    store.mkdir()
    (store / link).symlink_to(elsewhere if "." not in link else elsewhere / "file")
    with StandIn(published) as standin, pytest.raises(RockspaceError, match="symbolic link") as caught:
        run(standin, study)
    assert_one_line(caught.value)
    assert list(elsewhere.iterdir()) == []
    assert not (study / "raw").exists()


@pytest.mark.parametrize(
    ("pattern", "there"),
    [
        ("360 Rocks/*.png", "'360 Rocks/I_Andesite_000.jpg'"),
        ("361 Rocks/*.jpg", "'120 Rocks/', '360 Rocks/', 'Raw data/'"),
    ],
)
def test_a_pattern_that_names_nothing_is_an_error_that_says_what_is_there(pattern, there, published, study):
    with StandIn(published) as standin, pytest.raises(RockspaceError) as caught:
        osf.download(standin.api, "d6b9y", ["mds_360.txt", pattern], study / "store", patience=FAST)
    message = assert_one_line(caught.value)
    assert f"'{pattern}' matches no file in OSF node 'd6b9y'" in message
    assert there in message
    assert standin.asked("content") == {}


def test_an_unknown_node_is_one_line_without_retries(published, study):
    with (
        StandIn(published) as standin,
        pytest.raises(RockspaceError, match=r"404.*check dataset\.osf\.node") as caught,
    ):
        osf.download(standin.api, "zzzzz", ["*.txt"], study / "store", patience=FAST)
    assert_one_line(caught.value)


def test_json_that_is_no_listing_is_one_line(published, study):
    class SomethingElse(BaseHTTPRequestHandler):
        def do_GET(self):
            body = b'{"data": [{"name": "mds_360.txt"}]}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with (
        serving(SomethingElse) as server,
        pytest.raises(RockspaceError, match="does not list files") as caught,
    ):
        osf.download(f"http://127.0.0.1:{server.server_port}/v2", "d6b9y", ["*.txt"], study / "s", patience=FAST)
    assert_one_line(caught.value)


class serving:
    """A plain HTTP server in a thread, with TLS where a certificate is given."""

    def __init__(self, handler, certificate: Path | None = None):
        self.server = HTTPServer(("127.0.0.1", 0), handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self.server

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def assert_unreachable(api: str, study: Path) -> str:
    with pytest.raises(RockspaceError) as caught:
        osf.download(api, "d6b9y", ["*.txt"], study / "store", patience=FAST)
    message = assert_one_line(caught.value)
    assert message.startswith(f"{api}/nodes/d6b9y/files/osfstorage/ cannot be reached")
    assert "source: directory" in message
    assert "config/demo.yaml" in message
    return message


def test_an_api_that_refuses_connections_is_one_line_that_says_what_else_can_be_done(study, published):
    with StandIn(published) as standin:
        api = standin.api
    assert "connection refused" in assert_unreachable(api, study)


def test_an_api_whose_name_is_unknown_is_one_line(study):
    assert "name cannot be resolved" in assert_unreachable("https://api.osf.invalid/v2", study)


def test_an_api_that_speaks_no_tls_is_one_line(published, study):
    with StandIn(published) as standin:
        assert "no TLS connection" in assert_unreachable(standin.api.replace("http:", "https:"), study)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_a_certificate_that_nobody_vouches_for_is_not_accepted(study, tmp_path):
    pem = tmp_path / "certificate.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=x -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*command.split(), "-keyout", pem, "-out", tmp_path / "c"], check=True, capture_output=True)
    pem.write_text(pem.read_text() + (tmp_path / "c").read_text())
    with serving(BaseHTTPRequestHandler, pem) as server:
        assert "self-signed" in assert_unreachable(f"https://127.0.0.1:{server.server_port}/v2", study)


def test_an_unreachable_api_is_given_up_well_within_a_minute(study):
    patience = Patience()
    addresses = 4  # two for each version of the protocol
    assert patience.contact_s + patience.retries.backoff_factor * 4 + addresses * patience.connect_s < 45
    with pytest.raises(RockspaceError, match="cannot be reached"):
        osf.download("http://127.0.0.1:9/v2", "d6b9y", ["*"], study, patience=patience)


def waits(patience: Patience, attempts: int, retry_after: str | None = None) -> list[float]:
    retries, seconds = patience.retries, []
    for _ in range(attempts):
        retries = retries.increment("GET", "x", error=TransientError("x"))
        seconds.append(_pause(retries, TransientError("x", retry_after)))
    return seconds


def test_the_pauses_double_with_jitter():
    several = [waits(Patience(), 5) for _ in range(20)]
    for attempt, least in [(1, 2), (2, 4), (3, 8), (4, 16)]:
        seconds = {each[attempt] for each in several}
        assert len(seconds) > 1
        assert all(least <= wait <= least + 1 for wait in seconds)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("5", 5),
        ("86400", 3600),
        ("9" * 5000, 0),
        ("soon", 0),
        ("-3", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600),
        ("Fri, 31 Dec 99999999 23:59:59 GMT", 0),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0),
    ],
)
def test_a_server_is_given_the_time_it_asks_for_up_to_an_hour_and_what_is_no_time_is_ignored(header, seconds):
    assert waits(Patience(), 1, header) == [pytest.approx(seconds, abs=1)]


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_of_a_429_is_honoured(form, published, study, caplog):
    header = "1" if form == "seconds" else formatdate(time.time() + 2, usegmt=True)
    patience = replace(FAST, retries=FAST.retries.new(retry_after_max=5))
    with StandIn(published, faults=[Fault("429", "mds_120.txt")], retry_after=header) as standin:
        osf.download(standin.api, "d6b9y", ["mds_120.txt"], study / "store", patience=patience)
    assert standin.asked("link") == {"mds_120.txt": 2}
    assert re.search(r"429 Too Many Requests.*; trying again in [12] s", caplog.text)


def test_a_redirect_to_nowhere_is_one_line(published, study):
    class Loop(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(302)
            self.send_header("Location", self.path)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with serving(Loop) as server, Client(BearerToken(None, ""), FAST) as client:
        with pytest.raises(RockspaceError, match="TooManyRedirects"):
            client.json(f"http://127.0.0.1:{server.server_port}/")
        with pytest.raises(RockspaceError, match="InvalidSchema"):
            client.json("file:///etc/passwd")


def test_the_stand_in_runs_from_the_command_line(published, study):
    command = [sys.executable, str(TESTS / "standin_osf.py"), str(published), "--faults", "all"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            api = process.stdout.readline().strip()
            entries = osf.download(api, "d6b9y", ["mds_*.txt", "*/*_120.jpg"], study / "store", patience=FAST)
        finally:
            process.terminate()
    assert all(isinstance(entry, Entry) for entry in entries)
    assert stored(study) == []
    assert files_below(study / "store") == [p for p in wanted(published) if not p.startswith("360")]
