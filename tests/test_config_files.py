"""A config file is taken as it is written: nothing in it runs, and nothing in it is overruled in silence."""

import os

import pytest

from rockspace.config_files import MAX_BYTES, check_config_file
from rockspace.errors import RockspaceError
from workflow_runs import ROOT, Workplace

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcde", "bcdef", strict=True)
)
REFUSED = {
    "study: a\nmodels: []\nstudy: b\n": "line 3: 'study' is given again, first in line 1; keep one",
    "dataset:\n  osf: {node: a,\n    node: b}\n": "line 3: 'node' is given again",
    "models:\n- name: a\n- {name: b, 'name': c}\n": "line 3: 'name' is given again",
    "&a study: x\n*a : y\n": "line 2: 'study' is given again",
    '{"study": "a",\n\t"study": "b"}': "'study' is given twice; keep one",
    '{"study": "\\ud83d\\ude00", "study": "b"}': "line 1: 'study' is given again",
    "study: x\n__use_yte__: true\n": "line 2: '__use_yte__' makes the file a template",
    "x: &a {'__use_yte__': true}\n<<: *a\n": "line 1: '__use_yte__' makes the file a template",
    '"\\x5f_use_yte__": yes\n': "line 1: '__use_yte__' makes the file a template",
    "study: !!python/object/apply:os.getcwd []\n": "line 1: the tag '!!python/object/apply:os.getcwd'",
    "study: !mine x\n": "line 1: the tag '!mine'",
    LAUGHS: "line 5: more than 100000 values",
    "a: &a [*a]\n": "line 1: the alias *a names nothing that is complete before it",
    "a: *b\n": "line 1: the alias *b",
    "study: " + "[" * 900: "line 1: more than 100000 values, or 50 mappings",
    "".join(f"k{i}: &k{i} [*k{i - 1}]\n" if i else "k0: &k0 [x]\n" for i in range(60)): "line 50: more than",
    "study: x\n" + " " * MAX_BYTES: "longer than 1,000,000 bytes",
    "study: x\n\ty: z\n": "line 2: neither YAML nor JSON (found character '\\t' that cannot start any token)",
    f"seeds: [{'1' * 5000}]\n": "line 1: '11111111111111111111111111111111111111111111111111...' is no int; write one, or a text",
    f"seeds: [0x{'f' * 5000}]\n": "line 1: '0xffffffffffffffffffffffffffffffffffffffffffffffff...' is no int",
    "study: 2024-02-30\n": "line 1: '2024-02-30' is no timestamp; write one, or a text in quotes",
    "seeds: [!!int abc]\n": "line 1: 'abc' is no int",
    "study: =\n": "line 1: '=' is no value",
    "yes: 1\non: 2\n": "line 1: the key 'yes' is read as True; write it in quotes",
    "1: a\n0x1: b\n": "line 2: the key '0x1' is read as 1; write it in quotes",
    "2026-11-27: a\n": "line 1: the key '2026-11-27' is read as datetime.date(2026, 11, 27); write it in quotes",
    "~: a\n": "line 1: the key '~' is read as None; write it in quotes",
    "study: a\n---\nstudy: b\n": "line 2: a second document begins; keep one, without '---' between",
    "a: &x 1\nb: &x 2\n": "line 2: the anchor &x is given again; rename one",
    "? [a, b]\n: c\n": "line 1: a list or mapping as a key; write a name",
    "x: !!set {a, b}\n": "line 1: the tag '!!set' is none of a plain value",
    "%TAG ! tag:yaml.org,2002:python/\n---\nstudy: !object/apply:os.getcwd []\n": "line 3: the tag '!!python/object",
    "study: a\n---\n__use_yte__: true\n": "line 2: a second document begins",
    "study: \x1b[31m\n": "neither YAML nor JSON",
    "study: x\t\n": "line 1: neither YAML nor JSON (found character '\\t' that cannot start any token)",
    "study: x\n<<:\n": "line 2: neither YAML nor JSON (expected a mapping or list of mappings for merging",
    "": "no keys with values",
    "# only a comment\n": "no keys with values",
    "- study\n": "no keys with values",
    "study\uff1a x\n": "no keys with values",
    '["\\ud83d"]': "no keys with values",
    "dataset: {splits: {validation: {tokens: [010]}}}\n": "line 1: '010' is read as 8; write that, or a text in quotes",
    "seeds: [-0_17]\n": "line 1: '-0_17' is read as -15",
    "study: x\nseeds: [1:30]\n": "line 2: '1:30' is read as 90",
    "seeds: [1:30.5]\n": "line 1: '1:30.5' is read as 90.5",
}


@pytest.mark.parametrize("text", REFUSED, ids=list(REFUSED.values()))
def test_what_would_be_taken_for_something_else_is_one_line_with_its_place(text, tmp_path):
    (tmp_path / "study.yaml").write_text(text)
    with pytest.raises(RockspaceError) as refusal:
        check_config_file(tmp_path / "study.yaml")
    assert f"study.yaml: {REFUSED[text]}" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_file_that_cannot_be_read_as_text_is_one_line(tmp_path):
    (tmp_path / "utf-16.yaml").write_bytes("study: x\n".encode("utf-16"))
    os.mkfifo(tmp_path / "pipe.yaml")
    for name, words in {
        "utf-16.yaml": "not in UTF-8",
        "pipe.yaml": "is no regular file",
        "none.yaml": "there is no such config file",
        "a" * 300: "there is no such config file",
    }.items():
        with pytest.raises(RockspaceError, match=rf"{name}: {words}"):
            check_config_file(tmp_path / name)


@pytest.mark.parametrize(
    "text",
    [
        "study: x\nmodels: [{name: a}, {name: b}]\n",
        "head: &h {units: [8]}\nbase: {<<: *h, dropout: 0.1}\n",
        "\ufeffstudy: x\r\n",
        '{"study":"\\ud83d\\ude00",\n\t"seeds":[0]}',
        '{"study":"x",\n\t"seeds":[0]}',
        "study: !!str 2024\nseeds: ! [0]\n",
        "seeds: [00, 07, 0x1f, 1_000, 0.5, '010', 08]\n",
        "# a comment\u2028study: 'x'\x85",
    ],
)
def test_a_plain_file_passes(text, tmp_path):
    (tmp_path / "study.yaml").write_text(text, newline="")
    check_config_file(tmp_path / "study.yaml")


def test_the_configurations_of_the_project_pass():
    for path in (ROOT / "config").glob("*.yaml"):
        check_config_file(path)


@pytest.mark.parametrize("file", ["mailed.yaml", "config/config.yaml"])
def test_snakemake_runs_no_code_in_a_configuration_of_a_study(file, tmp_path):
    workplace = Workplace(tmp_path / "study")
    (workplace.folder / file).write_text(
        f"__use_yte__: true\n__definitions__: [import os, 'os.mkdir({str(tmp_path / 'pwned')!r})']\nstudy: x\n"
    )
    result = workplace.dry_run(*(["--configfile", file] if file == "mailed.yaml" else []))
    assert result.returncode == 1
    assert f"error: {file}: line 1: '__use_yte__' makes the file a template" in result.stdout
    assert "Traceback" not in result.stdout + result.stderr
    assert not (tmp_path / "pwned").exists()
