"""What of a config may leave the machine."""

from pathlib import Path

import pytest

from salmon.tracking.redaction import redact, redact_within


def test_the_config_tells_no_paths_and_no_passwords(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    config = {
        "paths": {"store": "/home/someone/runs", "cache": "~/.cache/salmon", "relative": "runs/store"},
        "data": ["/scratch/x/a.jsonl", f"file://{tmp_path}/b.jsonl"],
        "here": str(tmp_path),
        "texts": ["/no_think", "/a/b\nis no path", "and/or", "5 / 2"],
        "url": "https://user:secret@host:8000/v1?a=b@c",
        "plain": "https://host/v1",
        "mail": "a@b",
        "n": 3,
    }
    assert redact(config) == {
        "paths": {"store": ".../runs", "cache": ".../salmon", "relative": "runs/store"},
        "data": [".../a.jsonl", ".../b.jsonl"],
        "here": f".../{tmp_path.name}",
        "texts": ["/no_think", "/a/b\nis no path", "and/or", "5 / 2"],
        "url": "https://***@host:8000/v1?a=b@c",
        "plain": "https://host/v1",
        "mail": "a@b",
        "n": 3,
    }


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("prompts.files=[/data/a.jsonl,~/b/c.jsonl]", "prompts.files=[.../a.jsonl,.../c.jsonl]"),
        ("failed: /home/me/run/x.json: no such file", "failed: .../x.json: no such file"),
        ("runs/store/sft, https://host/a/b and /no_think", "runs/store/sft, https://host/a/b and /no_think"),
    ],
)
def test_paths_within_a_text_are_cut_to_their_last_part(text, kept):
    assert redact_within(text) == kept
