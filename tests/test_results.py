"""The results of a study in words for a paper: the numbers of the pages, in APA style, as Markdown and LaTeX."""

import re
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from browser import obstacles
from rockspace.alignment.statistics import UNITS
from rockspace.report.overview import R, Study
from rockspace.report.results import decimal, p_value, results
from test_overview import (
    AS_IT_IS,
    OF_LABELS,
    OF_TRAINING,
    OTHERS,
    in_summary,
    study,
    with_choices,
    with_same_layer,
    without_labels,
)

NAMES = ["size_{1}", "50 % hue", "shape & $x$"]
RECIPE = {
    "train_head": {"solver": "gradient", "epochs": 20, "optimizer": "adam", "learning_rate": 0.001},
    "finetune": {"epochs": 30, "optimizer": "adam", "learning_rate": 1e-5, "batch_size": 32},
}


def whole(**changes) -> Study:
    """The study of the overview's tests with what the paragraph says of its training."""
    found = study(**changes)
    finetune = {"selection": "holdout", "refit": True, "holdout_fraction": 0.1667}
    models = [
        each | {"backbone": "resnet50", "objective": "classification", "recipe": RECIPE}
        for each in found.config["models"]
    ]
    config = found.config | {"models": models, "finetune": finetune, "procrustes": {"permutations": 1000}}
    facts = {"n_features": 128, "reduction": "zero_pad", "dimensions": NAMES}
    return replace(found, config=config, alignments={run: facts | each for run, each in found.alignments.items()})


def apa(value: float) -> str:
    """A number as APA style has it, by other means than those tested."""
    return re.sub(r"^(-?)0\.", r"\1.", f"{value:.2f}").replace("-", "\N{MINUS SIGN}")


def paragraph(text: str, heading: str) -> str:
    return re.search(rf"^\*\*{heading}\.\*\* (.*)$", text, re.MULTILINE)[1]


@pytest.mark.parametrize(
    ("value", "text"), [(0.594, ".59"), (-0.594, "\N{MINUS SIGN}.59"), (1, "1.00"), (0.999, "1.00"), (-0.001, ".00"), (0, ".00")]
)  # fmt: skip
def test_numbers_that_cannot_exceed_1_have_no_zero_before_the_point(value, text):
    assert decimal(value) == text


@pytest.mark.parametrize(("p", "text"), [(0.000999, "≤ .001"), (0.001, "≤ .001"), (0.0316, "= .032"), (1, "> .999")])
def test_p_has_three_digits_and_is_never_0_or_1(p, text):
    assert p_value(p) == f"\x02p\x03 {text}"


def test_every_number_is_that_of_the_pages():
    found = whole()
    text, best = results(found).markdown(), found.best
    alignment = paragraph(text, "Alignment with people")
    assert (
        f"with a mean of *r* = {apa(best[R])}, 95% CI [{apa(best[f'{R}_low'])}, {apa(best[f'{R}_high'])}]" in alignment
    )
    null = [apa(best[f"{R}_null{end}"]) for end in ("", "_low", "_high")]
    assert (
        f"*r* = {null[0]} on average (middle 95%: {null[1]} to {null[2]}), *p* = .0{round(1000 * best[f'{R}_p'])}"
        in alignment
    )
    assert "; this is clearly above chance. A correlation is called clearly above chance where *p* ≤ .05" in alignment
    assert (
        f"(Procrustes disparity), which also counts the size of the dimensions, was {apa(best['held_out_disparity'])}"
        in alignment
    )
    assert f"(in-sample), which is always too good, gave *r* = {apa(best['in_sample_mean_r'])}" in alignment
    dimensions = paragraph(text, "Dimensions")
    for row in found.profile(best["model"]).by_r:
        r = row.found
        assert f"{row.name} *r* = {apa(r.value)}, 95% CI [{apa(r.low)}, {apa(r.high)}], *p* = " in dimensions
    training = paragraph(text, "Training")
    for kind, name in found.baselines["a"].items():
        pair = found.paired(("a", found.layers["a"]), (name, found.layers[name]))
        value, low, high, over = pair.value, pair.low, pair.high, pair.interval_over
        pairs = found.comparison.set_index(["model_a", "model_b"])["p_subtypes_holm"]
        p = p_value(pairs["a", name]).replace("\x02p\x03", "*p*")
        assert (
            f"difference (trained minus not) was {apa(value)}, 95% CI [{apa(low)}, {apa(high)}] over {over}, {p}."
            in training
        ), kind
    pair = found.paired(("a", best["layer"]), ("b", found.layers["b"]))
    value, low, high = pair.value, pair.low, pair.high
    assert f"a exceeded it by {apa(value)}, 95% CI [{apa(low)}, {apa(high)}]" in paragraph(text, "Other networks")
    assert f"a classified {100 * best['validation_top1']:.1f}% of" in paragraph(text, "Accuracy")
    sample = paragraph(text, "Sample")
    for split in ("train", "validation"):
        labels = found.catalog.loc[found.catalog["split"] == split, "label"]
        assert f"{len(labels)} images of {labels.nunique()} labels" in sample
    assert f"NumPy {version('numpy')}" in paragraph(text, "Software")


def test_the_verdict_of_pages_and_text_is_one_and_its_reason_stands_in_the_same_sentence():
    found = whole()
    hue = found.profile("a").by_r[1].found.value
    wide = {
        run: table.assign(p_held_out_subtypes_holm=[0.01, 0.03, 0.6], null_r_held_out_subtypes=[0.1, hue, 0.1])
        for run, table in found.nulls.items()
    }
    said = paragraph(results(replace(found, nulls=wide)).markdown(), "Dimensions")
    assert re.search(
        r"hue [^;]*, \*p\* = \.030 \(not clearly above chance, since its 95 % interval includes chance\)", said
    )
    assert re.search(r"shape [^;]*, \*p\* = \.600 \(not clearly above chance\)", said)
    assert not re.search(r"size [^;]* not clearly", said)
    text = paragraph(
        results(in_summary(found, held_out_mean_r_null=found.best[f"{R}_low"])).markdown(), "Alignment with people"
    )
    assert (
        "; this is not clearly above chance, since its 95 % interval includes chance, and so no clear evidence of alignment."
        in text
    )


def test_the_smallest_p_that_is_possible_is_marked_and_explained():
    found = whole()
    least = {
        run: table.assign(p_held_out_subtypes_holm=[3 / 1001, 3 / 1001, 0.01]) for run, table in found.nulls.items()
    }
    said = paragraph(results(replace(found, nulls=least)).markdown(), "Dimensions")
    assert said.count("*p* ≤ .003") == 2
    assert "≤ marks the smallest *p* that 1,000 random pairings allow after adjustment." in said
    assert "≤" not in paragraph(results(found).markdown(), "Dimensions")


def test_what_the_study_does_not_know_is_a_gap_to_fill():
    text = results(whole()).markdown()
    assert "[Fill in: number of participants, their task" in paragraph(text, "Sample")
    assert paragraph(text, "Noise ceiling").startswith("There is no noise ceiling")
    found = whole()
    dataset = found.config["dataset"] | {"source": "synthetic"}
    drawn = results(replace(found, config=found.config | {"dataset": dataset})).markdown()
    assert "Fill in" not in drawn
    assert "Noise ceiling" not in drawn
    assert "people" not in drawn.split("## References")[0].lower().replace("people's", "people")
    assert "predicted and drawn coordinates" in paragraph(drawn, "Alignment with the drawn dimensions")


def published(found: Study) -> Study:
    """The study with results of others, of accuracy too, on whatever images."""
    return replace(
        found, config=found.config | {"references": [each | {"coordinates_sha256": None} for each in OTHERS]}
    )


@pytest.mark.parametrize("how", ["", *AS_IT_IS])
def test_the_text_of_a_study_without_labels_says_nothing_of_them_and_what_each_network_is(how):
    paper = results(without_labels(published(whole()), how))
    for text in (paper.markdown(), paper.latex()):
        said = re.split("References", text)[0]
        assert OF_LABELS.findall(said) == []
        assert not how or OF_TRAINING.findall(said) == []
    text = paper.markdown()
    assert "mapped onto people's space on 48 images, and evaluated on 48 images that" in paragraph(text, "Sample")
    assert ("trained and mapped" in text) == (how == "")
    networks = {
        "": "trained to predict the coordinates of the training images",
        "pretrained": "a has the backbone resnet50 with pretrained weights. It was taken as it is, without training",
        "in a file": "a is made from the network in a.onnx. It was taken as it is, without training",
        "ready": "a is a file of ready embeddings (clip.npz).",
    }
    assert networks[how] in paragraph(text, "Networks")
    assert (f"ONNX Runtime {version('onnxruntime')}" in paragraph(text, "Software")) == (how == "in a file")
    if how == "pretrained":
        assert "and the pretrained one" in paragraph(text, "Pretraining")


def test_an_interval_over_subtypes_has_no_p_over_images():
    found = whole()
    few = replace(found, comparison=found.comparison.assign(p_subtypes_holm=np.nan))
    text = paragraph(results(few).markdown(), "Training")
    assert "over subtypes (too few subtypes for a test)." in text
    assert "*p* =" not in text


def test_the_same_layer_before_and_after_training_comes_first():
    text = paragraph(results(with_same_layer(whole())).markdown(), "Training")
    assert text.startswith("In the same layer (pooled, 128 features), the same network before training had *r* = ")
    assert text.index("In the same layer") < text.index("In the last layer")


def test_training_is_said_as_it_is_configured():
    text = paragraph(results(whole()).markdown(), "Networks")
    for words in (
        "trained to name the label, on features of the frozen base, for 20 epochs (adam, learning rate 0.001)",
        "at most 30 epochs",
        "16.7% of the training images",
        "again on all",
    ):
        assert words in text, words


def history(select: int, best: int, refit: bool) -> pd.DataFrame:
    rows = [("select", epoch, epoch == best) for epoch in range(1, select + 1)]
    rows += [("refit", epoch, epoch == best) for epoch in range(1, best + 1)] if refit else []
    return pd.DataFrame(rows, columns=["phase", "epoch", "best"])


@pytest.mark.parametrize(
    ("histories", "words"),
    [
        ([history(13, 3, True)], "It stopped after 13 epochs; the best number of epochs was 3, which the final training had."),
        ([history(13, 3, False)], "It stopped after 13 epochs; the best number of epochs was 3, and the weights after these were kept."),
        ([history(13, 3, True), history(9, 5, True)], "It stopped after 9 to 13 epochs (range over seeds); the best number of epochs was 3 to 5, which the final training had."),
    ],
)  # fmt: skip
def test_how_many_epochs_fine_tuning_had_is_said(histories, words):
    of_a = {("a", str(seed)): each for seed, each in enumerate(histories)}
    text = paragraph(results(whole(histories=of_a | {("b", "0"): history(99, 98, True)})).markdown(), "Networks")
    assert words in text
    assert "99" not in text


def test_training_that_does_not_stop_early_has_no_best_epoch():
    fixed = pd.DataFrame({"phase": "train", "epoch": [1, 2], "best": [False, True]})
    for each in ({("a", "0"): fixed}, {("a", "0"): fixed.iloc[:0]}, {}):
        assert "It stopped" not in results(whole(histories=each)).markdown()


def test_a_study_too_small_for_intervals_and_chance_has_neither():
    ends = [f"{R}_{end}" for end in ("low", "high", "interval_over", "null", "null_low", "null_high", "p", "null_over")]
    found = in_summary(whole(), **dict.fromkeys(ends, np.nan))
    bare = found.entries.assign(**{f"{end}_{units}": np.nan for end in ("low", "high") for units in UNITS})
    text = paragraph(results(replace(found, entries=bare)).markdown(), "Alignment with people")
    assert "CI" not in text.split("in-sample")[0]
    assert "paired at random" not in text
    assert "nan" not in text


def test_the_works_cited_and_no_others_are_referenced():
    found = whole()
    said = results(found)
    text = " ".join(text for _, text in said.paragraphs)
    for work in said.works:
        author, year = re.match(r"(?:The )?(\w+).*?\((\d{4}|n\.d\.)\)", work).groups()
        assert re.search(rf"{author}[^()]*, {re.escape(year)}", text), work
    assert not any("Sanders" in work for work in said.works)
    published = [{**each, "label": "Sanders and Nosofsky (2020)", "coordinates_sha256": None} for each in OTHERS]
    said = results(replace(found, config=found.config | {"references": published}))
    assert any(work.startswith("Sanders, C. A., & Nosofsky, R. M. (2020)") for work in said.works)
    assert "a held-out mean *r* of .68 is published (Sanders & Nosofsky, 2020; a paper)" in said.markdown()


def test_this_software_is_cited_by_its_name_in_the_citation_file():
    citation = yaml.safe_load(Path(__file__).parents[1].joinpath("CITATION.cff").read_text(encoding="utf-8"))
    work = next(work for work in results(whole()).works if "Computer software" in work)
    assert citation["title"].lower() in work.lower()
    assert citation["authors"][0]["name"] in work
    assert f"Version {citation['version']}" in work


def test_names_are_text_in_latex_and_in_markdown_whatever_they_hold():
    found = whole()
    strange = {"size": "a_b*c* {50 %}", "hue": "\u82b1\u5c97\u5ca9 & #1 $x$", "shape": r"\input{~^} <b> &lt;i&#62;"}
    renamed = found.dimensions.replace({"dimension": strange})
    nulls = {run: table.replace({"dimension": strange}) for run, table in found.nulls.items()}
    said = results(replace(found, dimensions=renamed, nulls=nulls))
    latex, markdown = said.latex(), said.markdown()
    for words in (r"a\_b*c* \{50 \%\}", "\u82b1\u5c97\u5ca9 \\& \\#1 \\$x\\$", r"\textbackslash{}input\{\textasciitilde{}\textasciicircum{}\} \textless{}b\textgreater{} \&lt;i\&\#62;"):  # fmt: skip
        assert words in latex, words
    for words in (r"a\_b\*c\* {50 %}", r"\\input{\~^} \<b> \&lt;i\&#62;"):
        assert words in markdown, words
    body = latex[latex.index(r"\begin{document}") :]
    bare = re.sub(r"\\[&%$#_{}]|\$\\leq\$|\\[a-z]+\*?|\$-\$", "", body)
    assert not set(bare) & set("&%$#_^~\\\x02\x03")
    assert bare.count("{") == bare.count("}")


def test_the_page_says_the_same_and_copies_it_with_its_formatting(visit, tmp_path):
    said = results(whole())
    said.write_page(tmp_path / "results.html", "a <b> study")
    page = visit(tmp_path / "results.html", width=390, height=844, dark=True)
    shown = page.locator("article p").all_inner_texts()
    plain = [*(f"{heading}. {text}" for heading, text in said.paragraphs), *said.works]
    assert shown == [re.sub("[\x02\x03]", "", text) for text in plain]
    assert page.locator("article em").count() == "".join(plain).count("\x02")
    assert page.title().startswith("a <b> study")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert obstacles(page) == []
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    page.get_by_text("Copied").wait_for()
    pasted = page.evaluate(
        "navigator.clipboard.read().then(async ([item]) => Promise.all(['text/html', 'text/plain'].map(async type => (await item.getType(type)).text())))"
    )
    assert "<strong>Sample.</strong>" in pasted[0]
    assert "<em>r</em> = " in pasted[0]
    assert f"Sample. {said.paragraphs[0][1]}" in pasted[1]


def test_where_a_page_may_not_copy_the_text_is_selected(visit, tmp_path):
    results(whole()).write_page(tmp_path / "results.html", "rocks")
    page = visit(tmp_path / "results.html")
    page.evaluate("delete Navigator.prototype.clipboard")
    page.get_by_role("button", name="Copy").click()
    page.get_by_text("Ctrl+C").wait_for()
    selected = page.evaluate("getSelection().toString()")
    assert selected.startswith("Results")
    assert selected.strip().endswith(page.locator("article p").last.inner_text())


def test_peoples_choices_are_reported_from_guessing_to_the_observed_shares():
    said = paragraph(results(with_choices(whole())).markdown(), "People's choices")
    assert "(Nosofsky, 1986) was fitted to 2,000 choices of a category" in said
    assert "in people's own coordinates and in 3 spaces of networks" in said
    assert (
        "the right answers alone (errors spread evenly) reached .80, people's own coordinates .87, 95% CI [.85, .88], and each person's choices by "
        "the shares of all others .90."
    ) in said
    minus = decimal(-0.012, 3)[0]
    assert (
        f"ensemble all (learnt coordinates) reached .86, 95% CI [.85, .87]; the log-likelihood of a response differed by {minus}0.012 nats from that in "
        f"people's own coordinates, 95% CI [{minus}0.032, 0.008] over people."
    ) in said
    assert "found on these choices" in said
    assert "Nosofsky, R. M. (1986)" in results(with_choices(whole())).markdown()
    assert "Nosofsky, R. M. (1986)" not in results(whole()).markdown()
