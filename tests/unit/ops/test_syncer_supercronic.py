"""supercronic's metrics, as the real one writes them."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from syncer.ops.schedule.supercronic import SupercronicError, free_port, parse, scrape
from volume.program.exposition import render

# Written by supercronic 0.2.45, shortened.
SAID = r"""# HELP go_goroutines Number of goroutines that currently exist.
# TYPE go_goroutines gauge
go_goroutines 7
# HELP supercronic_cron_execution_time_seconds duration of the cron executions
# TYPE supercronic_cron_execution_time_seconds histogram
supercronic_cron_execution_time_seconds_bucket{command="echo \"a \\\\\" b\"",position="0",schedule="* * * * * * *",le="10"} 2
supercronic_cron_execution_time_seconds_bucket{command="echo \"a \\\\\" b\"",position="0",schedule="* * * * * * *",le="+Inf"} 2
supercronic_cron_execution_time_seconds_sum{command="echo \"a \\\\\" b\"",position="0",schedule="* * * * * * *"} 0.0037380570000000004
supercronic_cron_execution_time_seconds_count{command="echo \"a \\\\\" b\"",position="0",schedule="* * * * * * *"} 2
# HELP supercronic_executions count of cron executions
# TYPE supercronic_executions counter
supercronic_executions{command="echo \"a \\\\\" b\"",position="0",schedule="* * * * * * *"} 2
"""  # noqa: E501


def test_only_its_own_families_are_taken_and_nothing_of_them_is_lost() -> None:
    text = render(parse(SAID))
    assert text.splitlines() == SAID.splitlines()[3:]
    names = [family.name for family in text_string_to_metric_families(text)]
    assert names == ["supercronic_cron_execution_time_seconds", "supercronic_executions"]


@pytest.mark.parametrize(
    "line",
    [
        "supercronic_x 1",
        "supercronic_executions{a} 1",
        "supercronic_executions",
        "supercronic_ 1 2 3",
    ],
)
def test_what_is_not_the_format_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="not a line of metrics"):
        parse(f"{SAID}{line}\n")


def test_nobody_there_is_said() -> None:
    with pytest.raises(SupercronicError, match=r"can't be read: .*refused"):
        scrape(free_port())
