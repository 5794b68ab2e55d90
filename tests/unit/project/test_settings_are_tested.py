"""Every setting has an effect that a test shows: this is which one, and it must exist.

Parsing, defaults and messages are tested elsewhere; named here is a test that fails when the
setting does nothing.
"""

# ruff: noqa: E501 - where tests are
from __future__ import annotations

import ast
from pathlib import Path

import pytest

from docs.generate import every_definition

TESTS = Path(__file__).resolve().parents[2]
EXAMPLES = "unit/planning/test_selection_examples.py::test_an_example_does_what_the_document_says"
POLICY = "component/planning/test_sync_policy.py"
INSTALLERS = "component/installers/test_installers.py::TestFirstSync"
COMPOSE = "component/indexer/test_compose_file.py"
EFFECTS = "component/ops/test_setting_effects.py"
MANNERS = "component/transport/test_upstream_manners.py"
FETCHER = "component/demand/test_fetcher.py"
PROXIES = "component/transport/test_upstream_proxies.py"
MAPPING = "component/name_mapping/test_name_mapping.py"
INDEXER = "component/indexer/test_indexer_settings.py"
NOTICES = "component/ops/test_notify.py"
SCHEDULE = "component/ops/test_schedule.py"
BUILD = f"{COMPOSE}::test_what_images_are_built_from_and_through"
LABELS = f"{COMPOSE}::test_names_and_labels_of_images"
OWNER = f"{COMPOSE}::test_whose_files_and_where"
TLS = f"{COMPOSE}::test_tls"
USAGE = "component/usage/test_collector.py"
MEMORY = f"{COMPOSE}::test_memory_has_room_for_the_largest_channel_that_is_promised"


SHOWN_BY = {
    "SUBDIRS": "component/upstream/test_sync_changes.py::test_several_channels_and_subdirs_are_kept_apart",
    "INCLUDE": EXAMPLES,
    "EXCLUDE": EXAMPLES,
    "SPECS": EXAMPLES,
    "SPEC_FILES": f"{EFFECTS}::test_spec_files_and_solve_hold_for_all_channels",
    "SOLVE": f"{EFFECTS}::test_spec_files_and_solve_hold_for_all_channels",
    "CHANNEL_ALIASES": (
        "component/planning/test_spec_files.py::test_an_alias_says_which_channel_an_address_stands_for"
    ),
    "CHANNELS": "component/upstream/test_sync_changes.py::test_several_channels_and_subdirs_are_kept_apart",
    "ANACONDA_TERMS_ACCEPTED": (
        "unit/settings/test_syncer_settings.py::test_anacondas_host_is_not_contacted_without_a_licence"
    ),
    "ON_DEMAND": "component/planning/test_on_demand.py::test_everything_is_listed_and_nothing_is_downloaded",
    "NAME_MAPPING": f"{MAPPING}::test_nothing_is_asked_unless_it_is_wanted",
    "NAME_MAPPING_URL": f"{MAPPING}::test_another_service_is_asked_anew",
    "NEWEST_VERSIONS": EXAMPLES,
    "NEWEST_BUILDS": EXAMPLES,
    "PINS": EXAMPLES,
    "LICENSES": EXAMPLES,
    "EXCLUDE_LICENSES": EXAMPLES,
    "MAX_SIZE": EXAMPLES,
    "NEWER_THAN": EXAMPLES,
    "OLDER_THAN": EXAMPLES,
    "PREFER_CONDA": EXAMPLES,
    "PRIVATE_HOSTS": "component/transport/test_egress.py::test_a_private_place_is_followed_where_a_setting_names_it",
    "COOLDOWN_DAYS": EXAMPLES,
    "COOLDOWN_EXEMPT": EXAMPLES,
    "DENY": EXAMPLES,
    "SIDECARS": "component/artifacts/test_sidecars.py::test_no_sidecars_is_a_policy",
    "KEEP": EXAMPLES,
    "CANARY": (
        f"{POLICY}::test_a_sync_that_would_break_an_environment_is_refused_if_the_policy_says_so"
    ),
    "CANARY_BLOCKS": (
        f"{POLICY}::test_a_sync_that_would_break_an_environment_is_refused_if_the_policy_says_so"
    ),
    "WHEELS": "component/wheels/test_wheels.py::TestFirstSync::test_nothing_is_mirrored_unless_it_is_asked_for",
    "INSTALLERS": f"{INSTALLERS}::test_the_newest_and_the_latest_are_published_with_their_hashes",
    "INSTALLER_INCLUDE": f"{INSTALLERS}::test_patterns_and_more_versions",
    "INSTALLER_NEWEST": f"{INSTALLERS}::test_patterns_and_more_versions",
    "MINIFORGE_URL": "component/installers/test_installers_miniforge.py::test_a_release_is_followed",
    "CONDA_CLOUD_URL": (
        "component/upstream/test_channel_kinds.py::test_a_university_mirror_is_a_plain_base"
    ),
    "CONDA_REPO_URL": "component/upstream/test_channel_kinds.py::test_a_university_mirror_is_a_plain_base",
    "DEMAND_CONNECTIONS": f"{FETCHER}::test_no_more_at_a_time_than_allowed",
    "DEMAND_RATE_LIMIT": f"{FETCHER}::test_the_rate_limit_holds",
    "DEMAND_SIZE": "component/demand/test_demand_size.py::test_what_was_asked_for_longest_ago_goes",
    "PRUNE_UNUSED_DAYS": "component/usage/test_prune.py::test_what_nobody_asks_for_leaves",
    "SYNC_CONNECTIONS": f"{MANNERS}::test_no_more_connections_than_allowed",
    "SYNC_TRIES": "component/transport/test_sync_transfers.py::test_tries_end_and_retry_after_is_honoured",
    "SYNC_RATE_LIMIT": f"{MANNERS}::test_the_rate_limit_holds_for_all_connections_together",
    "SYNC_TIMEOUT_SECONDS": (
        "component/transport/test_sync_transfers.py::test_a_stalled_transfer_counts_as_cut"
    ),
    "SYNC_CONTACT": f"{MANNERS}::test_the_user_agent_says_who_asks",
    "SYNC_SCHEDULE": f"{SCHEDULE}::test_syncs_and_scrubs_are_on_their_schedules",
    "SYNC_JITTER_MINUTES": (
        f"{MANNERS}::test_a_scheduled_run_says_when_it_begins_and_can_be_stopped"
    ),
    "SYNC_AT_START": f"{SCHEDULE}::test_it_syncs_at_start_unless_told_not_to",
    "CHECKPOINT_MINUTES": f"{EFFECTS}::test_a_checkpoint_is_due_after_so_many_minutes",
    "CHECKPOINT_SIZE": (
        "component/upstream/test_sync_changes.py::test_checkpoints_commit_what_is_complete"
    ),
    "SCRUB_SCHEDULE": f"{SCHEDULE}::test_syncs_and_scrubs_are_on_their_schedules",
    "SYNCER_MEMORY": MEMORY,
    "INDEXER_MEMORY": MEMORY,
    "NGINX_MEMORY": MEMORY,
    "NGINX_VERSION": BUILD,
    "SUPERCRONIC_VERSION": BUILD,
    "MIRROR_BIND": f"{COMPOSE}::test_where_it_listens",
    "MIRROR_DATA": OWNER,
    "COMPOSE_FILE": TLS,
    "TLS_BIND": f"{COMPOSE}::test_where_it_listens",
    "TLS_DIR": TLS,
    "TLS_REDIRECT": "engine/nginx/test_nginx_tls.py::test_http_may_lead_to_https",
    "PUID": OWNER,
    "PGID": OWNER,
    "TZ": f"{EFFECTS}::test_the_time_zone_moves_the_windows_of_the_rate_limit",
    "COMPOSE_PROJECT_NAME": f"{COMPOSE}::test_an_instance_of_another_name_shares_nothing",
    "UPSTREAM_SECRETS": OWNER,
    "HTTP_PROXY": f"{PROXIES}::test_an_http_proxy_with_credentials_carries_everything",
    "HTTPS_PROXY": f"{PROXIES}::test_an_http_proxy_connects_to_https",
    "ALL_PROXY": f"{PROXIES}::test_a_socks_proxy_carries_everything",
    "NO_PROXY": f"{PROXIES}::test_no_proxy_goes_around_it",
    "BUILD_CA_BUNDLE": BUILD,
    "REQUESTS_CA_BUNDLE": (
        "component/transport/test_sync_tls.py::test_a_trusted_one_serves_indexes_and_artifacts"
    ),
    "WIPE_GUARD_PERCENT": ("component/artifacts/test_verify.py::test_the_guard_is_a_setting"),
    "SCRUB_DAYS": f"{SCHEDULE}::test_without_days_nothing_is_scrubbed",
    "SCRUB_RATE": "component/artifacts/test_verify_scrub.py::test_the_pace_is_a_setting",
    "RETIRE_DAYS": "component/artifacts/test_sync_lifecycle.py::test_the_grace_period_is_a_setting",
    "MIN_FREE": (
        "component/ops/test_sync_volumes.py::test_a_plan_that_does_not_fit_is_refused_before_it_begins"
    ),
    "HEALTH_HOURS": f"{EFFECTS}::test_health_hours_decide_when_a_silence_is_too_long",
    "KEEP_GENERATIONS": (
        "engine/index/test_index_mirrored.py::test_old_generations_go_and_their_snapshots_with_them"
    ),
    "KEEP_SHARDS_DAYS": f"{INDEXER}::test_a_shard_stays_for_so_many_days",
    "INDEX_POLL_SECONDS": f"{INDEXER}::test_it_looks_every_so_many_seconds",
    "INDEXED_TIMESTAMP": "component/indexer/test_arrival.py::test_there_and_back",
    "INDEX_ENGINE": f"{INDEXER}::test_the_engine_is_a_choice",
    "LOG_LEVEL": f"{EFFECTS}::test_the_log_level_decides_what_is_said",
    "LOG_FORMAT": "component/ops/test_sync_command.py::test_logs_may_be_json",
    "MIRROR_DIR": "component/ops/test_sync_volumes.py::test_two_appliances_do_not_share_a_mirror",
    "STATE_DIR": "component/ops/test_sync_volumes.py::test_a_lost_state_downloads_nothing_again",
    "USAGE_DIR": f"{USAGE}::test_the_command_counts_and_answers",
    "USAGE_CLIENTS": f"{USAGE}::test_clients_are_kept_while_a_setting_says_so",
    "USAGE_DAYS": f"{USAGE}::test_days_are_kept_as_long_as_a_setting_says",
    "CONFIG_DIR": f"{POLICY}::test_a_spec_file_that_is_missing_is_a_configuration_error",
    "SECRETS_DIR": (
        "component/transport/test_upstream_secrets.py::test_a_secret_opens_its_host_and_is_found_nowhere_else"
    ),
    "CONDA_EXE": f"{INDEXER}::test_the_engine_is_a_choice",
    "NOTIFY_URL": f"{NOTICES}::test_a_series_of_failures_is_one_notice_and_its_end_another",
    "NOTIFY_COMMAND": f"{NOTICES}::test_a_command_gets_the_notice_and_may_fail_or_hang",
    "NOTIFY_ON": f"{NOTICES}::test_partial_syncs_are_told_only_if_asked_for",
    "MIRROR_URL": "component/ops/test_doctor.py::test_the_command_line",
    "BASE_IMAGE": BUILD,
    "CONDA_BASE": BUILD,
    "CONDA_CHANNEL": BUILD,
    "IMAGE_PREFIX": LABELS,
    "VERSION": LABELS,
    "REVISION": LABELS,
}


def functions(path: Path) -> set[str]:
    """The tests of a file."""
    return {
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    }


def test_every_setting_has_an_entry() -> None:
    assert set(SHOWN_BY) == {definition.name for definition in every_definition()}


@pytest.mark.parametrize("name", SHOWN_BY)
def test_the_test_that_shows_its_effect_exists(name: str) -> None:
    file, *_, function = SHOWN_BY[name].split("::")
    path = TESTS / file
    assert path.is_file(), f"{name}: there is no {file}"
    assert function in functions(path), f"{name}: {file} has no {function}"
