import pytest
import torch

from eval.generation.cached_answers import cached_answers
from salmon.runtime.jsonl import read_grown


class Writer:
    """Writes a row for each item; batches of more than ``room`` do not fit."""

    def __init__(self, room: int = 9) -> None:
        self.room, self.batches = room, []

    def __call__(self, batch):
        if len(batch) > self.room:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        self.batches.append("".join(batch))
        return [{"id": item, "answer": item.upper()} for item in batch]


def answers(groups, path, writer, size=2):
    return cached_answers(groups, path, "id", str, writer, size, "answers")


def test_batches_do_not_mix_groups_and_rows_keep_the_order(tmp_path):
    writer = Writer()
    rows = answers(["abc", "d", "ef"], tmp_path / "a.jsonl", writer)
    assert writer.batches == ["ab", "c", "d", "ef"]
    assert [row["answer"] for row in rows] == list("ABCDEF")


def test_what_is_there_is_not_made_again(tmp_path):
    path = tmp_path / "made" / "a.jsonl"

    def killed(batch):
        if batch[0] == "c":
            raise KeyboardInterrupt
        return Writer()(batch)

    with pytest.raises(KeyboardInterrupt):
        answers(["abcdef"], path, killed)
    with path.open("a") as file:
        file.write('{"id": "c", "ans')
    writer = Writer()
    assert [row["id"] for row in answers(["xabcdef"], path, writer)] == list("xabcdef")
    assert writer.batches == ["xc", "de", "f"] and len(read_grown(path)) == 7
    assert answers(["abc"], path, None)[1] == {"id": "b", "answer": "B"}


def test_a_batch_that_does_not_fit_is_halved_for_good(tmp_path):
    writer = Writer(room=2)
    rows = answers(["abcdefgh", "ijk"], tmp_path / "a.jsonl", writer, size=8)
    assert writer.batches == ["ab", "cd", "ef", "gh", "ij", "k"] and len(rows) == 11


@pytest.mark.parametrize(
    "damage", [b"", b'{"id": "a", "ans', b'{"id": "a", "answer": "A"}\n{"id" "b"}\n', b'{"x": 1}\n']
)
def test_what_a_kill_or_a_full_disk_damaged_is_made_again(tmp_path, damage):
    path = tmp_path / "a.jsonl"
    path.write_bytes(damage)
    assert [row["answer"] for row in answers(["abc"], path, Writer())] == list("ABC")
    assert [row["id"] for row in read_grown(path)] == list("abc"), "as without the damage"
