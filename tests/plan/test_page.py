"""The page and the pictures: made from the data, up to date, and whole."""

import re
from pathlib import Path

from leanstage.contracts import (
    Answer,
    HardwareProfile,
    OwnBranch,
    Plan,
    Question,
    TechniqueTree,
)
from leanstage.plan import load_tree
from leanstage.plan.page import page
from leanstage.plan.picture import path_picture, technique_picture

PAGE = Path(__file__).parents[2] / "docs" / "decision-tree.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(load_tree()), "run `make docs`"


def test_the_page_names_every_fact_question_and_branch() -> None:
    tree, text = load_tree(), page(load_tree())
    names = [*tree.facts]
    for part in tree.techniques:
        names += [question.id for question in part.questions]
        names += [branch.id for question in part.questions for branch in question.branches]
    assert [name for name in names if f"`{name}`" not in text] == []


def test_no_cell_of_a_table_breaks_its_row(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(
        "{name: own, branches: [{id: quantize.cpu, answer: 'One | two.', reason: \"So.\\n\\nYes.\","
        " source: us, settings: {backends: []}}]}"
    )
    rows = [line for line in page(load_tree(own)).splitlines() if line.startswith("|")]
    assert {row.replace("\\|", "").count("|") for row in rows} == {4, 5}
    assert any("One \\| two. **backends none** | So. Yes. (us) |" in row for row in rows)


def test_every_branch_is_an_edge_of_the_picture() -> None:
    for part in load_tree().techniques:
        edges = [line for line in technique_picture(part).splitlines() if "-->" in line]
        assert len(edges) == sum(len(question.branches) for question in part.questions)


def test_no_two_ids_are_one_node_and_none_is_a_word_of_mermaid() -> None:
    leaf = {"answer": "No.", "reason": "So.", "source": "us", "settings": {"depths": []}}
    ids = ("own.a.b", "own.a-b", "own-a.b", "end")
    branches = tuple(OwnBranch(id=i, **leaf) for i in ids)  # type: ignore[arg-type]
    question = Question(id="graph", question="Which?", branches=branches)
    text = technique_picture(TechniqueTree(technique="distill", questions=(question,)))
    nodes = re.findall(r"(\w+)[\[{]", text)
    assert len(set(nodes)) == len(ids) + 1
    assert not {"end", "graph"} & set(nodes)


def test_a_path_shows_what_was_measured_and_no_text_ends_a_label() -> None:
    answer = Answer(
        technique="prune",
        branch="own",
        question='Is "it" <b>bold</b> & #1?',
        answer="Yes.",
        reason="So.",
        source="Us",
        basis="measured",
    )
    plan = Plan(
        tree_version="2",
        facts={},
        path=(answer,),
        tolerance=0.01,
        hardware=HardwareProfile(cpu="x", threads=1, memory_bytes=1),
        baseline_digest=None,
    )
    text = path_picture(plan)
    assert '{{"Is #quot;it#quot; #lt;b>bold#lt;/b> #amp; #35;1?"}}' in text
    assert 'prune_0_answer["Yes."]:::measured' in text
