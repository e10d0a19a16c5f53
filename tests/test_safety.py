"""Nothing that comes from outside runs, nothing is written elsewhere, and the token stays a secret."""

import ast
import json
import os
import re
import shutil
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import yaml

from bad_inputs import ARCHIVE, TRAIN, Study
from rockspace.alignment.spaces import read_spaces
from rockspace.errors import RockspaceError
from rockspace.inference.embeddings import Embeddings
from rockspace.inference.one_pass import load_layer
from rockspace.networks import weights
from rockspace.networks.loading import load_classifier
from rockspace.training.features import Features
from standin_osf import Fault, StandIn
from workflow_runs import ROOT, Workplace, cannot_confine

SOURCES = sorted((ROOT / "workflow").rglob("*.py"))
TOKEN = "a-secret-that-nobody-may-read"
# What runs code or commands, or trusts what it should not; behind each the files that may, for arguments of their own only.
DANGEROUS = {
    r"(eval|exec|compile|__import__)": (),
    r"os\.(system|popen|exec\w*|spawn\w*)|subprocess\.\w+|pty\.\w+": (
        "report/provenance.py",
        "networks/layer_names.py",
    ),
    r"(c?[pP]ickle|dill|joblib|marshal|shelve)\.(loads?|open)|\w+\.read_pickle|torch\.load": (),
    r"yaml\.(unsafe_|full_)?load": (),
    r"(\w+\.)*extractall|shutil\.unpack_archive": (),
    r"ssl\._create_unverified_context": (),
}


class Malicious:
    """Pickles as a call of ``os.mkdir``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def calls(source: Path) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(source.read_text())) if isinstance(node, ast.Call)]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_call_runs_what_comes_from_outside_or_switches_a_check_off(source):
    for call in calls(source):
        name, options = ast.unparse(call.func), {k.arg: ast.unparse(k.value) for k in call.keywords}
        for dangerous, allowed in DANGEROUS.items():
            if not str(source).endswith(allowed):
                assert not re.fullmatch(dangerous, name), f"line {call.lineno}: {name}"
        assert options.get("shell", "False") == "False", f"line {call.lineno}: {name} goes through a shell"
        assert options.get("verify", "True") == "True", f"line {call.lineno}: {name} does not verify TLS"
        if name in ("np.load", "numpy.load"):
            assert options.get("allow_pickle") == "False", f"line {call.lineno}: {name} may unpickle"
        if name.endswith("load_model"):
            assert options.get("safe_mode") == "True", f"line {call.lineno}: {name} may run code"


def test_the_scan_finds_what_it_looks_for(tmp_path):
    for line in ("os.system('x')", "pickle.load(f)", "run(x, shell=True)", "get(u, verify=False)", "np.load(p)",
                 "keras.saving.load_model(p)", "yaml.load(f)", "archive.extractall()", "subprocess.run(['x'])"):  # fmt: skip
        source = tmp_path / "source.py"
        source.write_text(line)
        with pytest.raises(AssertionError):
            test_no_call_runs_what_comes_from_outside_or_switches_a_check_off(source)


def test_no_rule_hands_anything_to_a_shell():
    rules = "\n".join(path.read_text() for path in [ROOT / "Snakefile", *(ROOT / "workflow/rules").glob("*.smk")])
    assert not re.findall(r"^\s*(shell|run)\s*:", rules, re.MULTILINE)
    assert not re.findall(r"\bshell\(", rules)
    made, scripts = (len(re.findall(rf"^\s*{word}\s*:", rules, re.MULTILINE)) for word in ("output", "script"))
    inherited = len(re.findall(r"^use rule ", rules, re.MULTILINE))
    assert made == scripts + inherited > 10


def test_a_model_that_brings_code_along_is_refused_and_the_code_does_not_run(tmp_path):
    harmed = tmp_path / "harmed"
    inputs = keras.Input([2])
    harmful = keras.layers.Lambda(lambda x, folder=str(harmed): __import__("os").makedirs(folder, exist_ok=True) or x)
    network = keras.Model(inputs, harmful(inputs))
    network.save(tmp_path / "evil.keras")
    shutil.rmtree(harmed)
    with pytest.raises(RockspaceError, match=r"evil\.keras: cannot be loaded .*delete it and run again") as refusal:
        load_classifier(tmp_path / "evil.keras")
    assert "\n" not in str(refusal.value)
    assert not harmed.exists()


@pytest.mark.parametrize(
    "read",
    [
        lambda path: Features.load([path], pd.DataFrame({"image_id": ["a"]})),
        Embeddings.load,
        lambda path: load_layer([path], [], "penultimate"),
        lambda path: read_spaces(path, path, "train"),
    ],
    ids=["features", "embeddings", "one pass", "spaces"],
)
def test_an_array_that_holds_a_pickle_is_refused_and_it_does_not_run(read, tmp_path):
    harmed, path = tmp_path / "harmed", tmp_path / "evil.npz"
    evil = np.array([Malicious(harmed)], dtype=object)
    names = ("image_id", "split", "label", "plain", "views", "embedding", "layer/penultimate", "precision")
    np.savez(path, **dict.fromkeys(names, evil))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        read(path)
    assert not harmed.exists()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_weights_are_not_fetched_from_a_server_that_nobody_vouches_for(tmp_path, monkeypatch):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=x -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*command.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("NO_PROXY", "*")
    published = {"url": f"https://127.0.0.1:{server.server_port}/weights.h5", "md5": "0" * 32}
    (tmp_path / "published.json").write_text(json.dumps({"mobilenet_v3_small": published}))
    monkeypatch.setattr(weights, "PUBLISHED", tmp_path / "published.json")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    try:
        with pytest.raises(RockspaceError, match="no TLS connection: self-signed certificate"):
            weights.fetch("mobilenet_v3_small", tmp_path / "mobilenet_v3_small.weights.h5")
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A study with shell commands for names, fetched with a token, in a folder with one for a name, all else read-only.

    The first attempt meets an archive that refuses a file.
    """
    root = tmp_path_factory.mktemp("hostile")
    here = os.getcwd()
    os.chdir(root)
    study = Study()
    os.chdir(here)
    image = root / study.image(TRAIN[0])
    image.rename(image.with_name("I_$(touch pwned); touch 'pwned' `touch pwned`_01.jpg"))
    workplace = Workplace(root / "it's $(touch pwned); touch pwned")
    workplace.environment |= {"OSF_TOKEN": TOKEN, "NO_PROXY": "*"}
    said = []
    with StandIn(root / ARCHIVE, faults=[Fault("cut", "mds_120.txt", times=99)]) as osf:
        models = [{"name": "x", "backbone": "resnet50", "weights": "none"}]
        dataset = {
            "source": "osf",
            "osf": {"api": osf.api},
            "order": "name",
            "dimensions": ["a; touch pwned", "$(touch pwned)"],
        }
        (workplace.folder / "tiny.yaml").write_text(
            yaml.safe_dump({"study": "rocks", "dataset": dataset, "models": models})
        )
        confined = cannot_confine() is None
        for status in (1, 0):
            result = workplace.snakemake("--until", "coordinates", "--printshellcmds", "--verbose", confined=confined)
            said.append(result.stdout + result.stderr)
            assert result.returncode == status, said[-1][-3000:]
            osf.faults[0].times = 0
        tokens = [headers["Authorization"] for headers in osf.headers("listing")]
    return workplace, said, tokens


def test_names_and_paths_that_are_commands_are_not_run(hostile):
    workplace, _, _ = hostile
    catalog = (workplace.folder / "results/rocks/catalog.csv").read_text()
    assert "$(touch pwned); touch 'pwned' `touch pwned`" in catalog
    assert not list(workplace.folder.parent.rglob("pwned"))
    assert not (ROOT / "pwned").exists()


def test_the_token_was_used_and_stands_nowhere(hostile):
    workplace, said, tokens = hostile
    assert set(tokens) == {f"Bearer {TOKEN}"}
    assert "could not be downloaded" in said[0]
    assert not any(TOKEN in text for text in said)
    files = [file for folder in (workplace.folder, workplace.home) for file in folder.rglob("*") if file.is_file()]
    assert any(".snakemake/metadata" in str(file) for file in files)
    assert any(file.parent.name == "download" and file.suffix == ".log" for file in files)
    assert [file for file in files if TOKEN.encode() in file.read_bytes()] == []


def test_a_study_writes_its_results_and_caches_and_nothing_else(hostile):
    if reason := cannot_confine():
        pytest.skip(reason)
    workplace, _, _ = hostile
    assert sorted(path.name for path in workplace.folder.iterdir()) == [".snakemake", "config", "results", "tiny.yaml"]
    assert {path.name for path in workplace.home.iterdir()} <= {".cache", ".config", ".keras", "tmp"}
