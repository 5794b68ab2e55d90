"""The picture of the rooms is what the imports are."""

from docs import rooms


def test_the_picture_is_up_to_date() -> None:
    assert rooms.PAGE.read_text() == rooms.page(), "stale: run python -m docs.rooms"


def test_an_arrow_that_a_longer_way_implies_is_left_out() -> None:
    imports = {"a": {"b", "c"}, "b": {"c"}, "c": set()}
    assert rooms.reduced(imports) == {"a": {"b"}, "b": {"c"}, "c": set()}


def test_every_room_is_in_the_tables() -> None:
    text = rooms.PAGE.read_text()
    for room in rooms.rooms():
        assert f"| `{room.partition('.')[2]}/` |" in text or room == "volume", room
