import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from synmix.data.run_lengths import regions_of, runs_of

maps = arrays(np.uint16, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, 3))


@given(maps)
def test_runs_paint_the_map_again(id_map):
    runs = runs_of(id_map)
    assert np.array_equal(np.repeat(runs.values, runs.lengths).reshape(runs.shape), id_map)
    rows_first, rows_last = runs.starts // id_map.shape[1], (runs.ends - 1) // id_map.shape[1]
    assert np.array_equal(rows_first, rows_last), "a run crosses the end of a row"


@given(maps)
def test_regions_equal_the_full_frame_loop(id_map):
    regions = regions_of(runs_of(id_map))
    assert np.array_equal(regions.values, np.unique(id_map))
    for value, pixels, box in zip(regions.values, regions.pixels, regions.boxes, strict=True):
        rows, columns = np.nonzero(id_map == value)
        assert pixels == len(rows)
        assert box.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
