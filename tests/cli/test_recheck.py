"""``rescu verify --out`` and ``--recheck``: what the files and the exit codes say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rescu_cli.certify import certificate as certificates
from rescu_cli.errors import ExitCode
from tests.cli.conftest import Run


@pytest.fixture
def path(rescu: Run, tmp_path: Path) -> Path:
    found = tmp_path / "cert.json"
    assert rescu("verify", "relu", "--out", str(found)).code == ExitCode.DONE
    return found


def test_a_written_certificate_stands(rescu: Run, path: Path) -> None:
    outcome = rescu("verify", "relu", "--recheck", str(path))
    assert outcome.code == ExitCode.DONE
    assert "stands" in outcome.out and "falls" not in outcome.out
    result = rescu("verify", "relu", "--recheck", str(path), "--json").result
    assert result["ok"] is True
    assert {c["stands"] for c in result["claims"]} == {True}
    assert sum(n for c in result["claims"] for n in c["steps"].values()) >= 3, (
        "what is not a plain truth"
    )


def test_the_certificate_names_its_engines_and_their_versions(path: Path) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))
    assert set(data["engines"]) == {"exact", "z3", "ball"}
    assert "sympy" in data["engines"]["exact"]
    assert {c["method"] for c in data["claims"]} <= set(data["engines"])
    assert set(data["evidence"]) == {c["claim"] for c in data["claims"]}


def test_missing_broken_stale_and_edited_files_have_their_exit_codes(
    rescu: Run, path: Path, tmp_path: Path
) -> None:
    def code(text: str, name: str = "relu") -> int:
        path.write_text(text, encoding="utf-8")
        return rescu("verify", name, "--recheck", str(path)).code

    good = json.loads(path.read_text(encoding="utf-8"))
    assert code("{") == ExitCode.USAGE
    assert code("[]") == ExitCode.USAGE
    assert code(json.dumps({**good, "schema": 99})) == ExitCode.USAGE
    assert code(json.dumps(good), "identity") == ExitCode.REFUTED
    assert code(json.dumps({**good, "name": "smelu"})) == ExitCode.REFUTED
    missing = rescu("verify", "relu", "--recheck", str(tmp_path / "none.json"))
    assert missing.code == ExitCode.STORE and "Cannot read" in missing.err


def test_a_resealed_lie_falls_with_exit_status_1(rescu: Run, path: Path) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))
    claim = next(c for c in data["claims"] if c["claim"] == "smooth")
    claim["value"] = 1
    body = {k: v for k, v in data.items() if k != "seal"}
    path.write_text(json.dumps({**body, "seal": certificates._seal(body)}), encoding="utf-8")
    outcome = rescu("verify", "relu", "--recheck", str(path))
    assert outcome.code == ExitCode.REFUTED
    assert "falls" in outcome.out


def test_two_modes_at_once_are_refused(rescu: Run, path: Path) -> None:
    outcome = rescu("verify", "relu", "--recheck", str(path), "--float", "float16")
    assert outcome.code == ExitCode.USAGE
    assert "Choose one of --recheck and --float" in outcome.err


def test_required_claims_decide_the_exit_status_of_a_replay(rescu: Run, path: Path) -> None:
    def code(claims: str) -> int:
        return rescu("verify", "relu", "--recheck", str(path), "--require", claims).code

    assert code("continuous,convex") == ExitCode.DONE
    assert code("continuous,rescu") == ExitCode.REFUTED
    assert code("differentiable") == ExitCode.USAGE
