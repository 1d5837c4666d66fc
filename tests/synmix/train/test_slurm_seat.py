"""The tasks of a SLURM step are ranks of one run; an allocation alone is none."""

import pytest

from synmix.errors import UserError
from synmix.train.ranks import Seat
from synmix.train.slurm import first_node, parse_url, slurm_seat

STEP = {
    "SLURM_JOB_ID": "71",
    "SLURM_STEP_ID": "0",
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_NTASKS": "4",
    "SLURM_STEP_NUM_NODES": "2",
    "SLURM_STEP_TASKS_PER_NODE": "2(x2)",
    "SLURM_STEP_NODELIST": "gpu[07-08]",
    "SLURM_PROCID": "3",
    "SLURM_LOCALID": "1",
}


def test_a_task_of_a_step():
    seat = slurm_seat(environment=STEP)
    assert seat == Seat(3, 4, 1, 2, "gpu07", seat.port, serves=False, key="synmix/71.0")
    assert slurm_seat(environment=STEP | {"SLURM_PROCID": "0", "SLURM_LOCALID": "0"}).serves


def test_all_tasks_of_a_step_meet_and_other_steps_elsewhere():
    ports = {slurm_seat(environment=STEP | {"SLURM_PROCID": str(rank)}).port for rank in range(4)}
    assert len(ports) == 1
    assert slurm_seat(environment=STEP | {"SLURM_STEP_ID": "1"}).port not in ports
    assert slurm_seat("tcp://head:999", STEP).port == 999


def test_another_step_at_the_same_address_is_another_run():
    keys = {
        slurm_seat("tcp://head:999", STEP | change).key
        for change in ({}, {"SLURM_STEP_ID": "1"}, {"SLURM_JOB_ID": "72"})
    }
    assert len(keys) == 3
    assert slurm_seat(environment=STEP).key == slurm_seat(environment=STEP | {"SLURM_PROCID": "0"}).key


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4"},  # salloc
        {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4", "SLURM_PROCID": "0"},  # a batch script
        STEP | {"SLURM_STEP_NUM_TASKS": "1"},  # submitit's
    ],
)
def test_no_step_of_several_tasks(environment):
    assert slurm_seat(environment=environment) is None


@pytest.mark.parametrize(
    "change",
    [
        {"SLURM_STEP_TASKS_PER_NODE": "3,1"},
        {"SLURM_STEP_NUM_TASKS": "5"},
        {"SLURM_JOB_ID": ""},
        {"SLURM_PROCID": "9"},
    ],
)
def test_tasks_that_cannot_be_one_run_are_refused(change):
    with pytest.raises(UserError, match="SLURM started"):
        slurm_seat(environment=STEP | change)


@pytest.mark.parametrize(
    ("listed", "first"),
    [("n1", "n1"), ("n1,n2", "n1"), ("gpu[03-05,9],x1", "gpu03"), ("r[1-2]n[4,7]", "r1n4"), ("a-[001]", "a-001")],
)
def test_the_first_node(listed, first):
    assert first_node(listed) == first


def test_addresses():
    assert parse_url("tcp://node:29500") == ("node", 29500)
    with pytest.raises(UserError, match="--dist-url is 'node'"):
        parse_url("node")
