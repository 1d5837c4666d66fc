"""Which frame goes into which split."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synmix.data.described import described
from synmix.errors import UserError
from synmix.harmonize.splits import assign_splits as assign
from synmix.harmonize.splits import read_split_list


def assign_splits(numbers, split="own"):
    return assign(numbers, split, described("synscapes").splits.ranges)


def counts(assignment):
    names = list(assignment.split_of.values())
    return {name: names.count(name) for name in dict.fromkeys(names)}


def test_the_whole_data_set_splits_by_the_published_counts():
    assignment = assign_splits(list(range(1, 25_001)))
    assert counts(assignment) == {"train": 20_000, "val": 2_500, "test": 2_500}
    assert (assignment.split_of[20_000], assignment.split_of[20_001], assignment.split_of[22_501]) == (
        "train",
        "val",
        "test",
    )


def test_missing_frames_move_no_other_frame():
    whole = assign_splits(list(range(1, 25_001))).split_of
    gaps = assign_splits([n for n in range(1, 25_001) if n % 7]).split_of
    assert all(whole[n] == split for n, split in gaps.items())


def test_a_small_folder_splits_by_the_same_shares_and_says_so():
    assignment = assign_splits(list(range(1, 961)))
    assert counts(assignment) == {"train": 768, "val": 96, "test": 96}
    assert "80 %" in assignment.how


def test_one_frame_trains():
    assert assign_splits([5]).split_of == {5: "train"}


def test_numbers_beyond_the_last_range_are_named():
    assignment = assign_splits([1, 24_000, 30_000])
    assert 30_000 not in assignment.split_of and assignment.problems[0][0] == 30_000


def test_everything_into_one_split():
    assert counts(assign_splits([1, 2, 3], "val")) == {"val": 3}


def test_lists_from_files_report_doubles_and_strangers(tmp_path):
    (tmp_path / "train.txt").write_text("1\n2.png\n\n2\n99\n")
    (tmp_path / "val.txt").write_text("2\n3\n")
    assignment = assign_splits([1, 2, 3, 4], {"train": tmp_path / "train.txt", "val": tmp_path / "val.txt"})
    assert assignment.split_of == {1: "train", 2: "train", 3: "val"}
    assert [number for number, _ in assignment.problems] == [2, 99, 2]
    assert "already for 'train'" in assignment.problems[2][1]


WRITTEN = st.sampled_from(
    [
        "{}",
        "{}.png",
        "img/rgb/{}.png",
        "/data/my Synscapes/meta/{}.json",
        "img\\rgb\\{}.png",
        "synscapes_000000_{:06}",
        "leftImg8bit/train/synscapes/synscapes_000000_{:06}_leftImg8bit.png",
    ]
)
WORD = WRITTEN.filter(lambda form: " " not in form)


def listed(text):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "list.txt"
        path.write_text(text)
        return read_split_list(path)


@given(st.lists(st.tuples(st.integers(0, 99_999), WRITTEN)))
def test_a_frame_a_line_however_it_is_written(entries):
    assert listed("# mine\n\n" + "\r\n".join(form.format(number) for number, form in entries)) == [
        n for n, _ in entries
    ]


@given(st.lists(st.tuples(st.integers(0, 99_999), WORD)), st.sampled_from([",", " ", ", ", "\t", ";\n", " \n"]))
def test_frames_however_they_are_separated(entries, separator):
    assert listed(separator.join(form.format(number) for number, form in entries)) == [n for n, _ in entries]


@given(st.lists(st.tuples(st.integers(0, 99_999), st.one_of(st.none(), WRITTEN))))
def test_frames_as_a_json_list(entries):
    text = json.dumps([number if form is None else form.format(number) for number, form in entries], indent=1)
    assert listed(text) == [number for number, _ in entries]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1, 2\n3, x4\n", r"'3, x4' in line 2; every line must name frames, like 17"),
        ("1\n-2\n", "'-2' in line 2"),
        ("1.5", "in line 1"),
        ("1 my data/2.png", "in line 1"),
        ("17.jpg", "in line 1"),
        ('[1, "2.png", "b"]', "'b' as entry 3"),
        ("[1, [2]]", "as entry 2"),
        ("[1, true]", "True as entry 2"),
        ("[1, 2", "not valid JSON"),
        ("9999999999", "in line 1"),
    ],
)
def test_what_names_no_frame_is_told_with_its_place(text, sentence):
    with pytest.raises(UserError, match=sentence):
        listed(text)


def test_a_bad_line_a_missing_file_and_an_unknown_split_get_a_sentence(tmp_path):
    (tmp_path / "train.txt").write_text("1\nframe two\n")
    with pytest.raises(UserError, match="'frame two' in line 2"):
        assign_splits([1], {"train": tmp_path / "train.txt"})
    with pytest.raises(UserError, match=r"absent\.txt"):
        assign_splits([1], {"train": tmp_path / "absent.txt"})
    with pytest.raises(UserError, match="unknown split 'training'"):
        assign_splits([1], "training")
    with pytest.raises(UserError, match="unknown split 'dev'"):
        assign_splits([1], {"dev": [1]})
