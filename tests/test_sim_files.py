"""sim.files: bytes kept with a note; damage is a warning or an error, as was asked."""

import json

import pytest

from sim import files


class Damaged(UserWarning):
    """Given as a warning."""


class RefusedError(ValueError):
    """Raised."""


def both(data, note):
    return data, note["seconds"]


def kept(folder, damage=RefusedError, **about):
    return files.Kept(folder / "a.bin", damage, "way out", about={"spec": {"T": 3, "sizes": (1, 2)}, **about})


@pytest.fixture
def one(tmp_path):
    own = kept(tmp_path)
    assert own.get(both) is None and not own.finished()
    own.put(b"bytes", {"seconds": 0.5})
    return own


def test_what_was_put_comes_back(one):
    assert one.finished() and one.get(both) == (b"bytes", 0.5)
    assert set(json.loads(one.note.read_text())) == {"spec", "seconds", "sha256"}


@pytest.mark.parametrize("missing", ["path", "note"])
def test_one_file_of_two_is_not_finished(one, missing):
    getattr(one, missing).unlink()
    assert one.get(both) is None and not one.finished()


def truncated(own):
    own.path.write_bytes(b"byte")


def edited(own):
    own.path.write_bytes(b"bytez")


def no_json(own):
    own.note.write_text("{")


def no_text(own):
    own.note.write_bytes(b"\xff\xfe")


def no_object(own):
    own.note.write_text("[1]")


def no_field(own):
    own.put(b"bytes")


def another_spec(own):
    files.Kept(own.path, RefusedError, about={"spec": {"T": 4, "sizes": [1, 2]}}).put(b"bytes", {"seconds": 1})


def no_spec(own):
    files.Kept(own.path, RefusedError).put(b"bytes", {"seconds": 1})


HARMS = [truncated, edited, no_json, no_text, no_object, no_field, another_spec, no_spec]


@pytest.mark.parametrize("harm", HARMS)
def test_damage_is_raised_or_warned_of(one, tmp_path, harm):
    harm(one)
    with pytest.raises(RefusedError, match=r"a\.bin is damaged \(.+\); way out"):
        one.get(both)
    with pytest.warns(Damaged, match=r"a\.bin is damaged \(.+\); way out"):
        assert kept(tmp_path, Damaged).get(both) is None


def test_the_message_says_what_is_wrong(one):
    truncated(one)
    with pytest.raises(RefusedError, match="does not match its checksum: it was truncated or edited"):
        one.get(both)
    another_spec(one)
    with pytest.raises(RefusedError, match=r"holds the spec .*4.*, not .*3"):
        one.get(both)


def test_a_reader_refuses_in_its_own_words_and_lack_of_memory_is_no_damage(one):
    for error in (RefusedError("mine"), MemoryError("full")):

        def refuse(data, note, error=error):
            raise error

        with pytest.raises(type(error), match=f"^{error}$"):
            one.get(refuse)


def test_a_note_can_point_to_its_bytes(tmp_path):
    own = files.Kept(tmp_path / "now.json", RefusedError)
    for name in ("one", "two"):
        own.put(name.encode(), {"seconds": 1.0}, f"{name}.bin")
        assert own.get(both) == (name.encode(), 1.0)
    assert sorted(f.name for f in tmp_path.iterdir()) == ["now.json", "one.bin", "two.bin"]
    (tmp_path / "two.bin").unlink()
    with pytest.raises(RefusedError, match="is damaged"):
        own.get(both)


def test_an_unwritable_folder_has_a_way_out(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PermissionError, match="--out"):
        files.ensure_writable(tmp_path / "file" / "sub")
