"""`python -m benchmarks`: rows of children become tables; what fails is a row that says so."""

import json
from pathlib import Path

import pytest

from benchmarks import __main__ as runner
from benchmarks import rows
from benchmarks.rows import Row, faster
from benchmarks.timing import in_turn, times

ROOT = Path(__file__).parent.parent


def test_every_benchmark_that_is_named_is_there_and_tells_rows() -> None:
    for name in runner.BENCHMARKS:
        code = (ROOT / "benchmarks" / f"{name}.py").read_text(encoding="utf-8")
        assert "from benchmarks.rows import" in code, name
        assert "tell(" in code, name


def test_a_row_is_told_and_collected(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setenv(rows.FILE, str(tmp_path / "rows.jsonl"))
    rows.tell("ours", "theirs", faster(2.345))
    assert capsys.readouterr().out == "ours | beside theirs | 2.35 times as fast\n"
    (line,) = (tmp_path / "rows.jsonl").read_text().splitlines()
    assert Row(**json.loads(line)) == Row("ours", "theirs", "2.35 times as fast")


def test_what_fails_or_takes_too_long_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(runner.BENCHMARKS, "nothing", runner.Asked("Nothing"))
    told, ended = runner.measured("nothing", quick=False, limit=60)
    assert told == []
    assert "failed: " in ended
    assert "nothing" in ended
    assert runner.measured("loading", quick=True, limit=0.01) == ([], "stopped after 0.01 s")
    text = runner.section("nothing", [Row("a|b", "c", "2 times")], ended, quick=False)
    assert "| a/b | c | 2 times |\n| the rest |  | failed: " in text


def test_a_table_made_anew_leaves_the_others_and_their_order() -> None:
    page = runner.with_section("", "views", "views, once\n")
    page = runner.with_section(page, "loading", "loading\n")
    page = runner.with_section(page, "views", "views, again\n")
    assert page.startswith(runner.HEAD)
    assert "once" not in page
    assert page.index("## loading") < page.index("## views")
    assert runner.with_section(page, "loading", "loading\n") == page


def test_the_page_of_the_site_is_one_that_the_command_writes() -> None:
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    (name, told), *_ = runner.SECTION.findall(page)
    assert runner.with_section(page, name, told) == page


def test_calls_are_taken_in_turn_and_the_first_does_not_count() -> None:
    order: list[str] = []
    calls = {name: lambda turn, name=name: order.append(f"{name}{turn}") for name in "ab"}
    found = in_turn(calls, 2)
    assert order == ["a0", "b0", "a1", "b1", "a2", "b2"]
    assert [len(took) for took in found.values()] == [2, 2]
    assert times([1, 2, 4], [2, 6, 8]) == 2
