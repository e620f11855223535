"""Messages of commands, as handlers of other programs get them."""

import os

from jova_bench.logs import LOG


def test_a_message_with_a_name_that_is_no_utf_8_can_be_written_by_any_handler(caplog):
    with caplog.at_level("INFO", LOG.name):
        LOG.propagate, before = True, LOG.propagate
        LOG.info("scored %s", os.fsdecode(b"caf\xe9.wav"))
        LOG.propagate = before
    assert {*caplog.messages} == {r"scored caf\udce9.wav"}
    caplog.text.encode()
