"""The progress line."""

from detectron2.utils.events import EventStorage

from synmix.train.writers import ProgressLine


def test_the_time_left_does_not_end_at_a_day(capsys):
    line = ProgressLine(max_iter=100_001, batch_size=8)
    with EventStorage(0) as storage:
        storage.put_scalars(time=2.0, data_time=0.1, total_loss=1.0)
        line.write()
    assert "iteration 1/100001  2 days, 7:33:20 left" in capsys.readouterr().err
