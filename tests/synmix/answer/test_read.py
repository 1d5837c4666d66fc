"""Reading tables: what is kept, and a sentence for what cannot be meant."""

import pytest

from synmix.answer import Cell, read_table
from synmix.answer.read import keep_rows
from synmix.compose.published import CELLS, REAL_IMAGES
from synmix.errors import UserError

GOOD = ("100,0,1000,0,30.5", "100,50,1000,0,31.5")


def test_the_papers_table_is_the_published_one(paper):
    expected = {(REAL_IMAGES, cell.synthetic, cell.iterations): cell.average_precision for cell in CELLS}
    assert {tuple(run.cell): run.average_precision for run in paper.trainings} == expected
    assert len(paper.trainings) == 18


def test_further_columns_are_kept(write_csv):
    path = write_csv(
        "100,0,1000,0,30.5,yolo,0.4,2.5", "100,50,1000,1,31.5,yolo,,", header="real_images,synthetic_images,"
        "iterations,seed,AP,model,image_se,gpu_hours",
    )  # fmt: skip
    first, second = read_table(path).trainings
    assert (first.further, first.image_se, first.gpu_hours) == ({"model": "yolo"}, 0.4, 2.5)
    assert (second.image_se, second.gpu_hours) == (None, None)


def test_columns_in_any_order_and_a_byte_order_mark(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("\ufeffAP, seed,iterations,synthetic_images,real_images\n30,0,10,0,5\n31,0,10,3,5\n\n", "utf-8")
    assert [run.cell for run in read_table(path).trainings] == [Cell(5, 0, 10), Cell(5, 3, 10)]


@pytest.mark.parametrize(
    "lines, words",
    [
        (("100,0,1000,0,many",), "line 2: AP is 'many'"),
        (("100,-5,1000,0,30",), "synthetic_images is -5"),
        (("100,0,1000.5,0,30",), "iterations is 1000.5"),
        (("100,0,0,0,30",), "at least one image and one iteration"),
        (("0,0,10,0,30",), "at least one image and one iteration"),
        (("100,0,1000,0,130",), "AP is 130; give points from 0 to 100"),
        (("100,0,1000,0,nan",), "AP is nan; give a finite number"),
        (("100,0,1000,0,",), "AP is empty"),
        (("100,0,1000",), "seed, AP is empty"),
        (("100,0,1000,0,30",), "holds one training"),
        ((), "holds no training"),
        ((*GOOD, "100,0,1000,0,32.5"), "line 2 and line 4 are the same training"),
    ],
)
def test_what_cannot_be_meant_is_a_sentence(write_csv, lines, words):
    with pytest.raises(UserError, match=words):
        read_table(write_csv(*lines))


def test_missing_columns_are_named_with_those_found(write_csv):
    with pytest.raises(UserError, match=r"lacks the column\(s\) iterations, seed; found: real_images"):
        read_table(write_csv("1,2,3", header="real_images,synthetic_images,AP"))


def test_rows_that_repeat_are_one_training(write_csv):
    assert len(read_table(write_csv(*GOOD, GOOD[0])).trainings) == 2


def test_disagreeing_rows_of_two_models_name_the_column_and_can_be_chosen(write_csv):
    lines = ("100,0,1000,0,30,a", "100,50,1000,0,31,a", "100,0,1000,0,40,b", "100,50,1000,0,41,b")
    path = write_csv(*lines, header="real_images,synthetic_images,iterations,seed,AP,model")
    with pytest.raises(UserError, match="they differ in 'model'"):
        read_table(path)
    chosen = read_table(path, keep_rows(["model=b"]))
    assert [run.average_precision for run in chosen.trainings] == [40, 41]
    with pytest.raises(UserError, match="the column 'net', which is not there"):
        read_table(path, keep_rows(["net=b"]))


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b'real_images,"broken\n1', b""])
def test_files_that_are_no_table(tmp_path, content):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(UserError):
        read_table(path)
    with pytest.raises(UserError, match="does not exist"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(UserError, match="cannot be read"):
        read_table(tmp_path)
