"""Mixing (paper 4.2): nested, exact, independent of file order and of the other data set, equal everywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synmix.compose.mixing import Pool, choose_counts, choose_share, percentage_of, shuffled
from synmix.errors import UserError

NAMES = st.lists(st.text("abc_0123456789", min_size=1, max_size=8), unique=True, max_size=40)
SEEDS = st.integers(0, 2**31)


def pools(num_real=100, num_synthetic=100):
    return [
        Pool("real", False, [f"r{i}" for i in range(num_real)]),
        Pool("synthetic", True, [f"s{i}" for i in range(num_synthetic)]),
    ]


@given(NAMES, SEEDS, st.data())
def test_a_larger_choice_contains_the_smaller_one(names, seed, data):
    small, large = sorted(data.draw(st.tuples(*[st.integers(0, len(names))] * 2)))
    pool = [Pool("set", True, names)]
    fewer, more = (choose_counts(pool, [count], seed)["set"] for count in (small, large))
    assert (len(fewer), len(more)) == (small, large)
    assert set(fewer) <= set(more) <= set(names)
    assert len(set(more)) == large  # without replacement


@given(NAMES, SEEDS, st.randoms(use_true_random=False))
def test_file_order_does_not_matter(names, seed, random):
    mixed = random.sample(names, len(names))
    assert shuffled(seed, "set", mixed) == shuffled(seed, "set", names)


@given(NAMES, NAMES, SEEDS)
def test_another_data_set_does_not_matter(names, others, seed):
    count = len(names) // 2
    alone = choose_counts([Pool("set", True, names)], [count], seed)["set"]
    beside = choose_counts([Pool("other", False, others), Pool("set", True, names)], [-1, count], seed)["set"]
    assert alone == beside


@given(NAMES, SEEDS)
def test_frames_come_in_the_order_of_choice_and_all_can_be_asked_for(names, seed):
    real, synthetic = Pool("real", False, names), Pool("synthetic", True, names)
    count = len(names) // 2
    order = {name: shuffled(seed, name, names) for name in ("real", "synthetic")}
    chosen = choose_counts([synthetic, real], [-1, count], seed)
    assert list(chosen.items()) == [("synthetic", order["synthetic"]), ("real", order["real"][:count])]
    shared = choose_share([synthetic, real], count, 0, seed)
    assert list(shared.items()) == [("synthetic", order["synthetic"][:count]), ("real", [])]


def test_every_set_needs_a_count():
    for counts in ([1], [1, 2, 3]):
        with pytest.raises(ValueError, match="zip"):
            choose_counts(pools(), counts, 0)


@given(st.integers(0, 100), st.integers(0, 100), SEEDS)
def test_shares_nest_in_both_directions(a, b, seed):
    """Of a fixed total, 10 % real lies inside 20 % real, and the synthetic images of 20 % inside those of 10 %."""
    low, high = sorted((a, b))
    less, more = (choose_share(pools(), 90, share, seed) for share in (low, high))
    assert set(less["real"]) <= set(more["real"])
    assert set(more["synthetic"]) <= set(less["synthetic"])
    for chosen, share in ((less, low), (more, high)):
        assert len(chosen["real"]) == percentage_of(share, 90)
        assert len(chosen["real"]) + len(chosen["synthetic"]) == 90


@given(st.integers(1, 60), st.integers(1, 60), SEEDS)
def test_several_sets_of_a_domain_nest_as_one_pool(a, b, seed):
    small, large = sorted((a, b))
    two = [Pool("s", True, [f"x{i}" for i in range(20)]), Pool("t", True, [f"x{i}" for i in range(40)])]
    fewer, more = (choose_share(two, total, None, seed) for total in (small, large))
    assert all(set(fewer[name]) <= set(more[name]) for name in ("s", "t"))
    assert sum(map(len, more.values())) == large


def test_without_a_share_real_images_come_first():
    chosen = choose_share(pools(30, 100), 50, None, seed=0)
    assert (len(chosen["real"]), len(chosen["synthetic"])) == (30, 20)
    assert len(choose_share(pools(30, 100), 20, None, seed=0)["real"]) == 20


def test_the_ratio_experiment_of_the_paper_has_exact_counts():
    """Figure 5: 2975 images, 0..100 % real in steps of ten; 10 % of 2975 is 297.5, rounded half to even."""
    sets = [
        Pool("real", False, [str(i) for i in range(2975)]),
        Pool("synthetic", True, [str(i) for i in range(20_000)]),
    ]
    counts = [len(choose_share(sets, 2975, share, 0)["real"]) for share in range(0, 101, 10)]
    assert counts == [0, 298, 595, 892, 1190, 1488, 1785, 2082, 2380, 2678, 2975]


def test_the_seed_and_the_set_decide_and_a_choice_never_changes():
    names = [f"aachen_{i:06d}_000019" for i in range(1000)]
    assert shuffled(0, "a", names) != shuffled(1, "a", names) != shuffled(1, "b", names)
    # Golden: a change here would silently change every composition ever published.
    first = ["aachen_000762_000019", "aachen_000340_000019", "aachen_000162_000019"]
    assert shuffled(0, "cityscapes_instance_train", names)[:3] == first


@pytest.mark.parametrize(
    "choose, sentence",
    [
        (lambda: choose_counts(pools(), [-1, 101], 0), r"101 images of 'synthetic', which has 100"),
        (lambda: choose_share(pools(), 101, 0, 0), r"needs 101 synthetic images, but DATASETS.TRAIN offers 100"),
        (lambda: choose_share(pools(), 150, 100, 0), r"needs 150 real images"),
        (lambda: choose_share(pools()[:1], 10, 50, 0), r"needs 5 synthetic images, but DATASETS.TRAIN offers 0"),
        (lambda: choose_share(pools(), 201, None, 0), r"unset \(real images first\) needs 101 synthetic"),
    ],
)
def test_asking_for_more_than_there_is_says_so(choose, sentence):
    with pytest.raises(UserError, match=sentence):
        choose()
