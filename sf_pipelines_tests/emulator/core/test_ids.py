from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sf_pipelines.emulator.ids import IdFactory, is_well_formed, to_18

BODIES = st.text(string.ascii_letters + string.digits, min_size=15, max_size=15)


def test_a_known_id_gets_its_known_checksum() -> None:
    assert to_18("001D000000IRFma") == "001D000000IRFmaIAH"


@given(BODIES)
def test_the_18_character_form_keeps_the_body_and_is_stable(body: str) -> None:
    long = to_18(body)
    assert long[:15] == body
    assert to_18(long) == long
    assert is_well_formed(long)


@given(BODIES)
def test_the_checksum_restores_a_lost_case(body: str) -> None:
    long = to_18(body)
    assert to_18(long.lower()) == long
    assert to_18(long.upper()) == long


@pytest.mark.parametrize("text", ["", "001", "001xx0000000001AA", "001xx00000000-1AAA", "111111111111111AAB"])
def test_other_text_is_no_id(text: str) -> None:
    assert not is_well_formed(text)
    with pytest.raises(ValueError, match="malformed id"):
        to_18(text)


def test_new_ids_rise_within_a_prefix_and_never_repeat() -> None:
    ids = IdFactory()
    made = [ids.next("001"), *ids.take("001", 100), ids.next("003")]
    assert len(set(made)) == 102
    assert all(is_well_formed(id_) and len(id_) == 18 for id_ in made)
    assert [id_[:15] for id_ in made[:101]] == sorted(id_[:15] for id_ in made[:101])


def test_a_factory_continues_from_stored_counters() -> None:
    first = IdFactory()
    first.take("001", 5)
    assert IdFactory(first.counters()).next("001") == first.next("001")
